"""Exported models answer as torch does: every kind, every format, whole folders."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from small_models import DSTA, MOVENET, SMALL, VARIANTS, shipped_kinds
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator, Subject
from vidpose.export import compare, formats, manifest, onnx_graphs, runtime, write
from vidpose.export.samples import SAMPLE, Samples, samples
from vidpose.frame import Frame
from vidpose.models import registry
from vidpose.models.base import ModelConfig, PoseModel, PoseOutput
from vidpose.poses import SkeletonRecord

pytest.importorskip("onnx")

PEOPLE = Path(__file__).parents[1] / "data" / "movenet_parity.npz"
FORMATS = [
    pytest.param(name, marks=pytest.mark.skipif(name not in formats.installed(), reason=name))
    for name in formats.FORMATS
]


def model_of(config: ModelConfig) -> PoseModel:
    torch.manual_seed(0)
    model = config.build().eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        # Untrained heads give maps of nearly zero, where a decoder has little to do.
        if name.startswith("head") and weight.ndim > 1:
            torch.nn.init.xavier_normal_(weight)
    return model


def noise(model: PoseModel, count: int) -> Samples:
    """Clips of noise; of the second person nobody saw a joint."""
    rng = np.random.default_rng(0)
    shape = (count, len(model.offsets), *model.crop.size, 3)
    prior = rng.random((count, len(model.skeleton), 3), dtype=np.float32)
    prior[1:2, :, 2] = 0
    return Samples(rng.integers(0, 256, shape, dtype=np.uint8), prior)


def graphs_of(model: PoseModel, name: str, folder: Path) -> runtime.RuntimeModel:
    return runtime.RuntimeModel(folder, write.write_graphs(model, name, folder))


def test_every_kind_of_model_is_tried() -> None:
    assert set(SMALL) == shipped_kinds()


def rows() -> list[object]:
    """The kinds in the format that the tests' environment has for certain, all else is slow."""
    return [
        pytest.param(
            config,
            name,
            id=f"{kind}-{name}",
            marks=[
                pytest.mark.skipif(name not in formats.installed(), reason=f"no {name}"),
                *([] if name == "onnx" and kind in SMALL else [pytest.mark.slow]),
            ],
        )
        for name in formats.FORMATS
        for kind, config in (SMALL | VARIANTS).items()
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_threads_may_share_an_exported_model(name: str, tmp_path: Path) -> None:
    model = model_of(MOVENET)
    exported = graphs_of(model, name, tmp_path)
    crops = torch.randint(0, 256, (2, 1, 3, *model.crop.size), dtype=torch.uint8)
    alone = [exported.encode(crop).last.clone() for crop in crops]

    def wrong(row: int) -> int:
        answers = (exported.encode(crops[row]).last for _ in range(100))
        return sum(not torch.equal(answer, alone[row]) for answer in answers)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(wrong, range(2))) == [0, 0]


@pytest.mark.parametrize(("config", "name"), rows())
def test_a_runtime_answers_as_torch_does(config: ModelConfig, name: str, tmp_path: Path) -> None:
    model = model_of(config)
    exported = graphs_of(model, name, tmp_path)
    found = compare.parity(model, exported, noise(model, 3))
    assert found.largest < 1e-4
    assert found.score < 1e-4
    clip = torch.from_numpy(noise(model, 3).crops).permute(0, 1, 4, 2, 3)
    with torch.inference_mode():
        together, one = exported(clip), model(clip)
    # Three people at once, and without a prior.
    torch.testing.assert_close(together.xy_norm, one.xy_norm, atol=1e-4, rtol=0)
    assert (together.sigma is None) == (one.sigma is None)
    if one.sigma is not None:
        torch.testing.assert_close(together.sigma, one.sigma, atol=1e-4, rtol=0)
    assert not list(tmp_path.glob("tmp*"))
    goes_where_a_torch_model_goes(exported.to("cpu").eval(), model)


@pytest.mark.parametrize("name", FORMATS)
def test_the_shipped_temporal_model_answers_as_torch_does(name: str, tmp_path: Path) -> None:
    """Its peaks are clear only with its weights and in a picture."""
    model = registry.load("dsta-movenet-causal")
    with np.load(PEOPLE) as file:
        image = file["thunder_image"]
    clip = np.stack([np.roll(image, 4 * frame, 1) for frame in range(3)])
    prior = np.random.default_rng(0).random((2, len(model.skeleton), 3), dtype=np.float32)
    both = Samples(np.stack([clip, clip[:, :, ::-1]]), prior)
    found = compare.parity(model, graphs_of(model, name, tmp_path), both)
    assert found.largest < 1e-4
    assert found.score < 1e-4


def goes_where_a_torch_model_goes(exported: PoseModel, model: PoseModel) -> None:
    assert exported.device == torch.device("cpu")
    images = np.random.default_rng(0).integers(0, 256, (5, 90, 80, 3), dtype=np.uint8)
    clip = tuple(Frame(i, i / 25, image) for i, image in enumerate(images))[: len(model.offsets)]
    somebody = [Subject(i, np.array([10.0 + i, 5, 60, 80])) for i in range(2)]
    for ours, theirs in zip(
        ClipEstimator(exported)(clip, somebody), ClipEstimator(model)(clip, somebody), strict=True
    ):
        np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=0.02)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
    # What one call gave is not overwritten by the next.
    crops = torch.zeros(1, 3, *model.crop.size, dtype=torch.uint8)
    first = exported.encode(crops).last
    kept = first.clone()
    exported.encode(crops + 200)
    assert torch.equal(first, kept)
    with pytest.raises(TypeError, match="uint8"):
        exported.encode(crops.float())


def test_weights_beyond_a_files_limit_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx_graphs, "_LARGEST", 0)
    model = model_of(MOVENET)
    exported = graphs_of(model, "onnx", tmp_path)
    assert (tmp_path / "encode.onnx.data").stat().st_size > 1_000_000
    assert (tmp_path / "encode.onnx").stat().st_size < 1_000_000
    assert compare.parity(model, exported, noise(model, 2)).largest < 1e-4


class TwoPeople:
    """A detector that is quick."""

    name = "two"

    def __call__(self, frame: Frame) -> object:
        from vidpose.detect.base import Detections

        height, width = frame.image.shape[:2]
        boxes = np.array([[0.0, 0, 0.4, 1], [0.5, 0.1, 0.9, 0.9]]) * ([width, height] * 2)
        keypoints = np.tile(boxes[:, None, :2] + 5, (1, 17, 1))
        return Detections(boxes, np.ones(2), keypoints, np.full((2, 17), 0.5))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MoveNetDetector", lambda network: TwoPeople())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_says_what_it_is_and_how_far_from_torch(name: str, tmp_path: Path) -> None:
    model, folder = model_of(MOVENET), tmp_path / "exported"
    about = write.export(model, name, folder)
    assert about.trusted and about.parity.clips == 16 and about.parity.largest < 1e-4
    assert manifest.read(folder) == about
    exported = runtime.load(folder)
    assert (exported.crop, exported.offsets, exported.uses_prior, exported.skeleton) == (
        model.crop,
        model.offsets,
        model.uses_prior,
        model.skeleton,
    )
    inside = (folder / f"encode{formats.FORMATS[name].suffix}").read_bytes()
    assert b"parity" in inside and str(about.parity.clips).encode() in inside
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    with pytest.raises(VidposeError, match="exists"):
        write.export(model, name, folder)
    with pytest.raises(VidposeError, match="already"):
        write.export(exported, name, tmp_path / "again")


@pytest.mark.usefixtures("quick")
def test_what_is_no_export_is_not_replaced(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(VidposeError, match="no exported model"):
        write.export(model_of(MOVENET), "onnx", tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.usefixtures("quick")
def test_a_failed_export_leaves_nothing_and_the_old_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")

    def fail(*_: object) -> None:
        raise VidposeError("in the middle")

    model, folder = model_of(MOVENET), tmp_path / "exported"
    before = write.export(model, "onnx", folder)
    with monkeypatch.context() as patch, pytest.raises(VidposeError, match="in the middle"):
        patch.setattr(write, "parity", fail)
        write.export(model, "onnx", folder, overwrite=True)
    assert manifest.read(folder) == before
    assert write.export(model, "onnx", folder, overwrite=True).trusted
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": "full"}, "full exists; add --overwrite"),
        ({"folder": "full", "overwrite": True}, "full is no exported model"),
        ({"folder": ".", "overwrite": True}, r"\. is no exported model"),
        ({"folder": "none/new"}, "cannot write none/new: there is no folder none"),
        ({"check": "nosuch"}, "nosuch: no such folder"),
        ({"check": "full"}, "full"),
        ({"calibrate": "clip.mp4"}, "--calibrate is for --precision int8"),
    ],
)
def test_what_is_wrong_is_said_before_anything_takes_long(
    given: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(write, "samples", lambda *_: pytest.fail("people are looked for"))
    (tmp_path / "full").mkdir()
    paths = {name: Path(value) for name, value in given.items() if name != "overwrite"}
    with pytest.raises(VidposeError, match=message) as caught:
        write.export(model_of(MOVENET), "onnx", **({"folder": Path("new")} | given | paths))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", FORMATS)
def test_int8_is_calibrated_and_not_trusted_unchecked(name: str, tmp_path: Path) -> None:
    if name == "openvino":
        pytest.importorskip("nncf")
    model = model_of(DSTA)
    with pytest.raises(VidposeError, match="--calibrate"):
        write.export(model, name, tmp_path / "a", precision="int8")
    about = write.export(model, name, tmp_path / "b", precision="int8", calibrate=SAMPLE)
    assert not about.trusted and about.verdict == "accuracy not checked"
    assert 0 < about.parity.median < 0.1
    assert about.calibrated_on == str(SAMPLE)
    assert runtime.load(tmp_path / "b").manifest == about


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_only_the_named_parts_of_a_backbone_go_to_int8(name: str, tmp_path: Path) -> None:
    """What is left alone answers as in full precision when all the rest is left alone too."""
    if name == "openvino":
        pytest.importorskip("nncf")
    model = model_of(MOVENET)
    crops = noise(model, 2).crops
    errors: list[float] = []
    for parts in (None, ("no such part",), ("blocks.1",), model.backbone.int8_parts):
        model.backbone.int8_parts = parts
        folder = tmp_path / str(len(errors))
        folder.mkdir()
        about = write.write_graphs(model, name, folder, "int8", crops)
        encode = runtime.RuntimeModel(folder, about).encode
        frames = torch.from_numpy(crops[:, 0]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found, full = encode(frames), model.encode(frames)
        gaps = zip(found.levels, full.levels, strict=True)
        errors.append(max(float((a - b).abs().max()) for a, b in gaps))
    everything, nothing, one, chosen = errors
    assert nothing < 1e-4 < one < chosen < everything


def test_trust_needs_equality_or_a_checked_accuracy() -> None:
    model = model_of(MOVENET)
    about = manifest.Manifest(
        model="MoveNetSingle",
        format="onnx",
        precision="fp32",
        skeleton=SkeletonRecord.of(model.skeleton),
        crop=(64, 64),
        enlargement=1.0,
        offsets=(0,),
        uses_prior=True,
        levels=1,
        sigma=False,
        versions={},
        parity=manifest.NOT_COMPARED,
    )
    assert manifest.Manifest.model_validate_json(about.model_dump_json()) == about
    assert not about.trusted
    near = about.parity.model_copy(update={"p99": 1e-5})
    assert about.model_copy(update={"parity": near}).trusted
    assert not about.model_copy(update={"parity": near, "precision": "bf16"}).trusted
    figures = ((70.0, 69.6, True), (70.0, 69.4, False), (70.0, float("nan"), False), (0, 0, False))
    for before, after, trusted in figures:
        checked = manifest.Accuracy(data="", boxes="", before=before, after=after)
        assert about.model_copy(update={"accuracy": checked}).trusted is trusted


def test_distance_counts_missing_numbers() -> None:
    class Fixed(PoseModel):
        def __init__(self, xy: list[list[float]]) -> None:
            super().__init__()
            self.xy, self.offsets, self.uses_prior = torch.tensor([xy]), (0,), False

        def aggregate(self, features: object, prior: object = None) -> PoseOutput:
            raise NotImplementedError

        def forward(self, clip: object, prior: object = None) -> PoseOutput:
            return PoseOutput(self.xy, torch.ones(1, len(self.xy[0])))

    clips = Samples(np.zeros((1, 1, 4, 4, 3), np.uint8), np.zeros((1, 2, 3), np.float32))
    nan = float("nan")
    found = compare.parity(Fixed([[0, 0], [nan, 0]]), Fixed([[0.3, 0.4], [nan, 0]]), clips)
    assert found.largest == pytest.approx(0.5)
    found = compare.parity(Fixed([[0, 0], [nan, 0]]), Fixed([[0.3, 0.4], [0, 0]]), clips)
    assert found.largest == float("inf")


def test_samples_are_people_of_the_video_with_what_the_detector_saw() -> None:
    model = model_of(DSTA)
    found = samples(model, TwoPeople())  # type: ignore[arg-type]
    assert found.crops.shape == (16, 3, 64, 64, 3)
    assert found.crops[0, 0].std() > 10
    assert not np.array_equal(found.crops[0, 0], found.crops[0, 2])
    assert (found.prior[..., 2] == 0.5).all()


SPOILT: dict[str, Callable[[Path], object]] = {
    "no exported model": lambda folder: (folder / "vidpose.json").unlink(),
    "export the model again": lambda folder: (folder / "vidpose.json").write_text("{"),
    "encode.onnx is missing": lambda folder: (folder / "encode.onnx").unlink(),
    "cannot read its graphs": lambda folder: (folder / "encode.onnx").write_bytes(b"graph"),
}


@pytest.mark.usefixtures("quick")
def test_a_broken_folder_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    write.export(model_of(MOVENET), "onnx", tmp_path / "good")
    for message, spoil in SPOILT.items():
        folder = tmp_path / message
        shutil.copytree(tmp_path / "good", folder)
        spoil(folder)
        with pytest.raises(VidposeError, match=message) as caught:
            runtime.load(folder)
        assert "\n" not in str(caught.value)


THREE = {"name": "three", "joints": ["nose", "neck", "pelvis"], "edges": [], "sigmas": [0.1] * 3}
DAMAGED = [
    ({"crop": [0, 0]}, "crop.0: Input should be greater than 0"),
    ({"crop": [-5, 7]}, "crop.0: Input should be greater than 0"),
    ({"enlargement": 0}, "enlargement: Input should be greater than 0"),
    ({"enlargement": "Infinity"}, "enlargement: Input should be a finite"),
    ({"offsets": []}, "offsets: offsets rise and contain 0"),
    ({"offsets": [1, 2]}, "offsets: offsets rise and contain 0"),
    ({"crop": [32, 64]}, r"encode takes \S+x64x64x3, not \?x32x64x3"),
    ({"offsets": [-1, 0]}, r"aggregate takes \S+x3x15x32, not \?x2x15x32"),
    ({"skeleton": THREE}, r"aggregate gives \S+x15x2 and .*, not \?x3x2 and \?x3 and \?x3x2"),
    ({"sigma": False}, r"aggregate gives .*, not \?x15x2 and \?x15;"),
    ({"uses_prior": True}, r"aggregate takes .*, not .*x3x15x32 and \?x15x3"),
    ({"levels": 2}, "encode gives 1 levels, not 2"),
]


@pytest.mark.parametrize("name", FORMATS)
def test_a_manifest_of_other_graphs_is_one_line(name: str, tmp_path: Path) -> None:
    about = write.write_graphs(model_of(DSTA), name, tmp_path)
    for change, message in DAMAGED:
        damaged = json.dumps(json.loads(about.model_dump_json()) | change)
        (tmp_path / "vidpose.json").write_text(damaged)
        with pytest.raises(VidposeError, match=f"{message}.*export the model again") as caught:
            runtime.load(tmp_path)
        assert "\n" not in str(caught.value)
