"""Detectors of the transformers library: whom they give, where, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vidpose
from vidpose import extras
from vidpose.cli.run import run
from vidpose.detect import hub
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.tensor_files import save_tensors

transformers = pytest.importorskip("transformers")
pytest.importorskip("PIL")

CPU = torch.device("cpu")
FRAME = Frame(index=0, pts=0.0, image=np.full((120, 200, 3), 90, dtype=np.uint8))


class Says(nn.Module):
    """A head that says the same of every picture."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, _tokens: Tensor) -> Tensor:
        return self.answer[None]


def network(people: str = "person", tokens: int = 1) -> Any:
    """A YOLOS of random weights that knows dogs and people."""
    torch.manual_seed(0)
    classes = {0: "dog", 1: people}
    return transformers.YolosForObjectDetection(
        transformers.YolosConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=[64, 96],
            patch_size=16,
            num_detection_tokens=tokens,
            id2label=classes,
            label2id={name: i for i, name in classes.items()},
        )
    )


def processor() -> Any:
    """Scales frames to at most 64 x 96 without changing their shape."""
    named = getattr(transformers, "YolosImageProcessorPil", transformers.YolosImageProcessor)
    return named(size={"shortest_edge": 64, "longest_edge": 96})


def saying(*answers: tuple[str, float, tuple[float, float, float, float]]) -> hub.HubDetector:
    """A detector that finds ``class, score, (centre x, centre y, width, height)`` everywhere."""
    model = network(tokens=len(answers))
    # Of the dog, the person and nothing, in logits.
    chances = [[score, 0.0] if name == "dog" else [0.0, score] for name, score, _ in answers]
    odds = torch.tensor([[*pair, 1 - sum(pair)] for pair in chances], dtype=torch.float32)
    model.class_labels_classifier = Says(odds.clamp(min=1e-9).log())
    model.bbox_predictor = Says(torch.tensor([box for _, _, box in answers]).logit())
    return hub.HubDetector(model, processor(), "hub:test")


def saved(folder: Path, score: float = 0.9) -> Path:
    """A detector in a folder, which finds one person in the middle half of every picture."""
    model = network()
    for head, answer in (
        (model.class_labels_classifier, torch.tensor([1e-9, score, 1 - score]).log()),
        (model.bbox_predictor, torch.full((4,), 0.5).logit()),
    ):
        nn.init.zeros_(head.layers[-1].weight)
        head.layers[-1].bias.data = answer
    model.save_pretrained(folder)
    processor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("detector"))


def test_a_name_is_needed() -> None:
    with pytest.raises(VidposeError, match="hub:: names no model"):
        hub.load("", torch.device("cpu"))


def test_people_are_found_in_pixels_of_the_frame() -> None:
    found = saying(
        ("dog", 0.9, (0.5, 0.5, 0.5, 0.5)),
        ("person", 0.8, (0.25, 0.5, 0.1, 0.4)),
        ("person", 0.4, (0.5, 0.5, 0.1, 0.1)),
    )(FRAME)
    np.testing.assert_allclose(found.boxes, [[40, 36, 60, 84]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.8], atol=1e-5)
    assert found.keypoints is None and found.keypoint_scores is None


def test_boxes_end_at_the_frame_and_empty_ones_are_nobody() -> None:
    found = saying(
        ("person", 0.9, (0.95, 0.9, 0.3, 0.4)),
        ("person", 0.9, (0.5, 0.5, 0.0, 0.5)),
        ("person", 0.9, (0.5, 0.5, 0.5, float("nan"))),
    )(FRAME)
    np.testing.assert_allclose(found.boxes, [[160, 84, 200, 120]], atol=1e-3)


def test_nobody() -> None:
    found = saying(("person", 0.1, (0.5, 0.5, 0.5, 0.5)))(FRAME)
    assert len(found) == 0 and found.boxes.shape == (0, 4)


def test_a_detector_without_people_is_refused() -> None:
    assert hub.HubDetector(network("Person"), processor(), "hub:other")
    with pytest.raises(VidposeError, match="hub:pets finds no people: its 2 classes are dog, cat"):
        hub.HubDetector(network("cat"), processor(), "hub:pets")


def test_a_folder_is_read(folder: Path) -> None:
    detector = hub.load(str(folder), CPU)
    found = detector(FRAME)
    assert detector.name == f"hub:{folder}"
    np.testing.assert_allclose(found.boxes, [[50, 30, 150, 90]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.9], atol=1e-5)


def test_a_name_is_fetched_whole_before_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        assert name == "somebody/detector"
        assert all(any(file.match(each) for each in allow_patterns) for file in folder.iterdir())
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    detector = hub.load("somebody/detector", CPU)
    assert detector.name == "hub:somebody/detector" and len(detector(FRAME)) == 1


def test_without_network_that_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(VidposeError, match=r"hub:nobody/nothing: .*set 'HF_HUB_OFFLINE=0'"):
        hub.load("nobody/nothing", CPU)


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "../none", "~/none", "a/b/none"])
def test_a_folder_that_is_not_there_is_not_taken_for_a_name_of_the_hub(name: str) -> None:
    with pytest.raises(VidposeError, match=f"^hub:{name}: no such folder, ") as caught:
        hub.load(name, CPU)
    assert str(caught.value).endswith("nor owner/name as on the Hugging Face hub")


def test_a_folder_may_be_named_from_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert len(hub.load(f"~/{folder.name}", CPU)(FRAME)) == 1


def test_a_run_says_who_found_its_people(folder: Path) -> None:
    pictures = [np.full((120, 200, 3), value, dtype=np.uint8) for value in (60, 90)]
    poses = vidpose.estimate(pictures, detector=f"hub:{folder}")
    assert poses.header.detector == f"hub:{folder}"
    assert [[person.id for person in frame.people] for frame in poses] == [[1], [1]]


def test_weights_that_lack_the_heads_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    state = {k: v for k, v in network().state_dict().items() if "bbox" not in k}
    save_tensors(tmp_path / "model.safetensors", state)
    with pytest.raises(VidposeError, match="no trained object detector: it lacks 6 tensors, bbox"):
        hub.load(str(tmp_path), CPU)


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    torch.save(network().state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(VidposeError, match=r"hub:.*safetensors"):
        hub.load(str(tmp_path), CPU)


def test_a_repositorys_own_code_is_not_run(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    with pytest.raises(VidposeError, match="trust_remote_code"):
        hub.load(str(tmp_path), CPU)
    assert not (tmp_path / "run").exists()


def test_weights_in_half_precision_are_run_in_full(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    transformers.YolosForObjectDetection.from_pretrained(folder).half().save_pretrained(tmp_path)
    np.testing.assert_allclose(hub.load(str(tmp_path), CPU)(FRAME).scores, [0.9], atol=1e-3)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1"),
        ("preprocessor_config.json", b"[]"),
        ("config.json", b"{"),
    ],
)
def test_broken_files_are_one_line(folder: Path, tmp_path: Path, file: str, content: bytes) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(VidposeError, match=r"^hub:[^\n]+$"):
        hub.load(str(tmp_path), CPU)


@pytest.mark.parametrize("package", ["transformers", "pillow"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"pillow": "PIL"}.get(package, package)
    monkeypatch.setattr(extras, "find_spec", lambda module: None if module == gone else module)
    with pytest.raises(
        VidposeError, match=rf"needs the package {package}: pip install 'vidpose\[hub\]'"
    ):
        hub.load("owner/name", CPU)


def test_several_sources_share_a_detector_and_a_wrong_one_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        cv2.imwrite(name, FRAME.image)
    assert run("a.png", "b.png", detector=f"hub:{tmp_path}/none") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("vidpose: hub:") for line in lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
