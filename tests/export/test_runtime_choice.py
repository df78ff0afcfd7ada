"""Which runtime a run gets, and what is kept for the next one."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from vidpose.atomic import staged_folder
from vidpose.backbones.movenet import MultiPose
from vidpose.cli import main
from vidpose.detect.movenet import MoveNetDetector
from vidpose.errors import VidposeError
from vidpose.export import choice, formats, manifest, runtime, torch_speed, write
from vidpose.frame import Frame
from vidpose.models import registry
from vidpose.models.single import MoveNetConfig
from vidpose.poses import Poses

PARITY = Path(__file__).parents[1] / "data" / "movenet_parity.npz"
FORMATS = [
    pytest.param(name, marks=pytest.mark.skipif(name not in formats.installed(), reason=name))
    for name in formats.FORMATS
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vidpose"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = MoveNetConfig(variant="lightning", side=64)
    registry.save(config.build(), config, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The formats exported to, without the comparison with torch, which takes a second."""
    made = []

    def quick(model, format, folder, *, precision):  # type: ignore[no-untyped-def] # noqa: A002
        made.append(format)
        with staged_folder(folder) as staged:
            about = write.write_graphs(model.requires_grad_(False), format, staged, precision)
            parity = about.parity.model_copy(update={"p99": 0.0})
            about = about.model_copy(update={"parity": parity})
            (staged / "vidpose.json").write_text(about.model_dump_json())

    monkeypatch.setattr(choice, "export", quick)
    return made


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(formats, "installed", lambda: names)


def test_without_a_runtime_it_is_torch(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    assert choice.runtime_of(choice.pick(checkpoint)) == "torch fp32"
    bf16 = choice.pick(checkpoint, precision="bf16")
    assert choice.runtime_of(bf16) == "torch bf16 (accuracy not checked)"
    assert bf16.encode(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).last.dtype == torch.float32


@pytest.mark.parametrize("name", FORMATS[-1:])
def test_a_model_is_exported_once_and_again_when_it_changed(
    name: str, checkpoint: Path, cache: Path, exports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, name)
    for _ in range(2):
        picked = choice.pick(checkpoint)
        assert choice.runtime_of(picked) == f"{name} fp32 (equal to torch)"
    assert exports == [name]
    torch.manual_seed(1)
    config = MoveNetConfig(variant="lightning", side=64)
    registry.save(config.build(), config, checkpoint)
    choice.pick(checkpoint)
    assert exports == [name] * 2
    assert len(list(cache.iterdir())) == 2
    # A folder is a model as well.
    (folder, _) = cache.iterdir()
    assert isinstance(choice.pick(folder), runtime.RuntimeModel)
    with pytest.raises(VidposeError, match="was exported in fp32, not in bf16"):
        choice.pick(folder, precision="bf16")
    with pytest.raises(VidposeError, match="was exported for"):
        choice.pick(folder, "torch")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was loaded from the cache, with its threads; exports are empty folders."""
    loaded: list[tuple[str, int]] = []

    def export(model, format, folder, *, precision):  # type: ignore[no-untyped-def] # noqa: A002
        folder.mkdir()

    def load(folder: Path, threads: int = 1) -> str:
        loaded.append((folder.name, threads))
        return folder.name

    monkeypatch.setattr(choice, "export", export)
    monkeypatch.setattr(choice, "load", load)
    monkeypatch.setattr(manifest, "read", lambda folder: SimpleNamespace(trusted=True))
    return loaded


def test_what_is_not_trusted_is_used_only_when_asked_for(
    checkpoint: Path, loads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")
    choice.pick(checkpoint, threads=3)
    assert [threads for _, threads in loads] == [3]
    monkeypatch.setattr(manifest, "read", lambda folder: SimpleNamespace(trusted=False))
    assert choice.runtime_of(choice.pick(checkpoint)) == "torch fp32"
    assert len(loads) == 1
    if "onnx" in formats.installed():
        choice.pick(checkpoint, "onnx", threads=5)
        assert [threads for _, threads in loads] == [3, 5]


def test_auto_takes_only_formats_that_have_the_precision(
    checkpoint: Path, loads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")
    assert choice.runtime_of(choice.pick(checkpoint, precision="bf16")).startswith("torch bf16")
    only(monkeypatch, "onnx", "openvino")
    choice.pick(checkpoint, precision="bf16")
    assert [name.startswith("mine-openvino-bf16-") for name, _ in loads] == [True]


def test_on_another_device_auto_is_torch(
    checkpoint: Path, loads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")
    assert choice.pick(checkpoint, device="meta").device == torch.device("meta")
    assert loads == []


def test_a_model_is_exported_again_when_our_code_or_a_version_changed(
    checkpoint: Path, loads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")
    for target, name, answer in ((choice, "_code", "new"), (formats, "versions", {"torch": "9"})):
        choice.pick(checkpoint)
        monkeypatch.setattr(target, name, lambda *given, answer=answer: answer)
    choice.pick(checkpoint)
    assert len({name for name, _ in loads}) == len(loads) == 3


# Of what exporting imports: names, files and messages; nothing that ends in a graph.
NOT_IN_GRAPHS = {
    *("vidpose", "vidpose.atomic", "vidpose.errors", "vidpose.extras", "vidpose.fields"),
    *("vidpose.section", "vidpose.tensor_files", "vidpose.weights", "vidpose.recipes"),
    "vidpose.misfit",
    # Decoders of answers, crops, and optical flow, with which no model can be exported.
    *("vidpose.detect", "vidpose.detect.base", "vidpose.detect.movenet", "vidpose.frame"),
    "vidpose.poses",
    *("vidpose.windows", "vidpose.datasets", "vidpose.datasets.flow"),
}


def test_our_code_is_all_that_a_graph_may_be_made_by() -> None:
    asked = (
        "import sys, vidpose.export.graphs, vidpose.models.registry\n"
        "print(*(f'{n}={m.__file__}' for n, m in sys.modules.items() if n.startswith('vidpose')))"
    )
    told = subprocess.check_output([sys.executable, "-c", asked], text=True).split()
    files = {name: Path(file) for name, _, file in (each.partition("=") for each in told)}
    root = files["vidpose"].parent
    watched = {file for part in choice._SOURCES for file in root.glob(part)}
    assert {name for name, file in files.items() if file not in watched} <= NOT_IN_GRAPHS


def test_an_export_that_another_process_made_meanwhile_is_as_good(
    checkpoint: Path, loads: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")

    def late(model, format, folder, *, precision):  # type: ignore[no-untyped-def] # noqa: A002
        folder.mkdir()
        raise VidposeError(f"{folder} exists")

    monkeypatch.setattr(choice, "export", late)
    choice.pick(checkpoint)
    assert len(loads) == 1


def test_exports_are_kept_where_caches_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choice.cache_folder() == tmp_path / "cache" / "vidpose"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert choice.cache_folder() == tmp_path / ".cache" / "vidpose"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert choice.cache_folder() == tmp_path / ".cache" / "vidpose"


def test_a_shipped_name_means_its_model_whatever_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "movenet-lightning").mkdir()
    assert choice.runtime_of(choice.pick("movenet-lightning")) == "torch fp32"
    # The folder, which is no export.
    with pytest.raises(VidposeError, match=r"no vidpose.json"):
        choice.pick("./movenet-lightning")


def test_what_fails_unasked_is_done_without(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")

    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(choice, "export", broken)
    assert choice.runtime_of(choice.pick(checkpoint)) == "torch fp32"
    with pytest.raises(RuntimeError):
        choice.pick(checkpoint, "onnx")


def test_no_runtime_is_blamed_for_a_model_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    only(monkeypatch, "onnx")
    with pytest.raises(VidposeError, match="no such file"):
        choice.pick("nowhere.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    with pytest.raises(VidposeError, match="not a safetensors file"):
        choice.pick(tmp_path / "broken.safetensors")
    assert not caplog.records


def test_a_cache_that_cannot_be_written_is_done_without_and_that_is_said_once(
    checkpoint: Path,
    cache: Path,
    exports: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    only(monkeypatch, "onnx")
    cache.parent.touch()
    assert choice.runtime_of(choice.pick(checkpoint)) == "torch fp32"
    choice.pick_detector()
    assert [record.getMessage() for record in caplog.records] == [
        f"onnx is not used: cannot write to {cache}: Not a directory; XDG_CACHE_HOME in the "
        "environment names another place"
    ]
    with pytest.raises(VidposeError, match="cannot write to"):
        choice.pick(checkpoint, "onnx")


def test_a_kept_export_that_is_broken_is_named_with_what_to_do(
    checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "onnx")
    choice.pick(checkpoint)
    (folder,) = cache.iterdir()
    (folder / "encode.onnx").write_bytes(b"")
    with pytest.raises(VidposeError, match=rf"; remove {folder}, and it is made anew$"):
        choice.pick(checkpoint, "onnx")
    shutil.rmtree(folder)
    folder.touch()
    with pytest.raises(VidposeError, match="is a file, where an export is kept; remove it"):
        choice.pick(checkpoint, "onnx")
    folder.unlink()
    assert isinstance(choice.pick(checkpoint, "onnx"), runtime.RuntimeModel)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "choose from auto, torch, onnx, openvino"),
        ({"precision": "int8"}, "calibrated"),
        ({"runtime": "cuda-graphs"}, "needs a CUDA device, not cpu"),
        ({"threads": 0}, "threads is 0: it must be from 1 to 1024"),
        ({"threads": 100_000_000_000}, "from 1 to 1024"),
        ({"threads": 1025, "runtime": "torch"}, "from 1 to 1024"),
        ({"runtime": "onnx", "precision": "bf16"}, "use --precision fp32"),
        ({"runtime": "onnx", "device": "meta"}, "runs on the CPU"),
    ],
)
def test_what_cannot_be_had_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(VidposeError, match=message):
        choice.pick("movenet-thunder", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
def test_the_detector_finds_the_same_people_at_any_size(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_SIZES", 1)  # of the three that come
    with np.load(PARITY) as arrays:
        image = arrays["multipose_image"]
    theirs = MoveNetDetector(registry.load_multipose())
    ours = MoveNetDetector(choice.pick_detector(name))  # type: ignore[arg-type]
    for bottom in (0, 100):
        frame = Frame(0, 0.0, np.ascontiguousarray(image[: len(image) - bottom]))
        found, expected = ours(frame), theirs(frame)
        assert len(found) == len(expected) > 0
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_detector_is_found_out_before_the_first_frame(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, name)
    choice.pick_detector(sizes=[(32, 64)])
    (folder,) = cache.iterdir()
    (folder / f"find{formats.FORMATS[name].suffix}").write_bytes(b"no graph")
    with pytest.raises(VidposeError, match=rf"cannot read it .*remove .*{folder.name}"):
        choice.pick_detector(name, sizes=[(32, 64)])  # type: ignore[arg-type]
    # Unasked it is done without.
    assert isinstance(choice.pick_detector(sizes=[(32, 64)]), MultiPose)


def test_a_processor_without_bf16_has_its_detector_in_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, "openvino")

    def lacking(*_: object) -> None:
        raise VidposeError("this processor has no bf16 arithmetic")

    kind = replace(formats.FORMATS["openvino"], open=lacking)  # type: ignore[arg-type]
    monkeypatch.setattr(formats, "FORMATS", {"openvino": kind})
    monkeypatch.setattr(choice, "_kept_detector", lambda name: Path("find.xml"))
    network = choice.pick_detector(precision="bf16", sizes=[(32, 64)])
    assert isinstance(network, MultiPose)


def test_quick_convolutions_change_nothing() -> None:
    torch.manual_seed(0)
    model = MoveNetConfig(variant="lightning", side=64).build().eval()
    frames = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        before = model.encode(frames).last
        after = torch_speed.quick_pointwise(model).encode(frames).last
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("runtime", FORMATS)
def test_a_run_takes_the_fastest_runtime_says_so_and_finds_whom_torch_finds(
    tmp_path: Path,
    runtime: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    only(monkeypatch, runtime)
    monkeypatch.chdir(tmp_path)
    with np.load(PARITY) as arrays:
        cv2.imwrite("walk.png", arrays["multipose_image"][..., ::-1])
    command = ["run", "walk.png", "--model", "movenet-lightning", "--no-video"]
    assert main([*command, "-o", "auto"]) == 0
    assert f"movenet-lightning by {runtime} fp32" in capsys.readouterr().out
    assert main([*command, "-o", "torch", "--runtime", "torch"]) == 0
    found, expected = (Poses.load(Path(name) / "poses.json") for name in ("auto", "torch"))
    (ours,), (theirs,) = found, expected
    assert len(ours.people) == len(theirs.people) == 1
    for one, other in zip(ours.people, theirs.people, strict=True):
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=0.05)
