"""What a model looked at, as pictures; and the option of `vidpose run` that writes them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.cli import main
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator, Subject
from vidpose.export.write import export
from vidpose.features_view import overlay, show_features
from vidpose.frame import Frame
from vidpose.geometry import CropGeometry, crop
from vidpose.heads.prior import Prior
from vidpose.models import registry
from vidpose.models.base import ModelConfig, PoseModel, PoseOutput, Probe
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.single import MoveNetConfig
from vidpose.models.vremd import VREMDConfig
from vidpose.skeleton import COCO17

PEOPLE = Path(__file__).parent / "data" / "movenet_parity.npz"
SMALL = {"backbone": "movenet-lightning", "size": (96, 64), "width": 16, "heads": 4}
# A caption is below the panels, each of the crop enlarged to 384 pixels.
PANEL, CAPTION = (384, 256), 22


class Spotted(PoseModel):
    """Its probes show given values."""

    skeleton = COCO17
    crop = CropGeometry((96, 64), 1.25)
    offsets = (-1, 0, 1)

    def __init__(self, **values: Tensor) -> None:
        super().__init__()
        self.values = values
        self.probes = nn.ModuleDict({name: Probe() for name in values})
        self.anything = nn.Parameter(torch.zeros(1))

    def encode(self, frames: Tensor) -> Features:
        return Features((frames.float(),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        for name, value in self.values.items():
            self.probes[name](value)
        return PoseOutput(torch.zeros(1, 17, 2), torch.zeros(1, 17))


def clip(model: PoseModel, grey: int | None = None) -> np.ndarray:
    shape = (len(model.offsets), *model.crop.size, 3)
    if grey is not None:
        return np.full(shape, grey, np.uint8)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def save(tmp_path: Path, config: ModelConfig) -> Path:
    torch.manual_seed(0)
    registry.save(config.build(), config, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_model_without_probes_has_nothing_to_show() -> None:
    model = registry.load("movenet-lightning")
    with pytest.raises(VidposeError, match="MoveNetSingle has no probes"):
        show_features(model, clip(model))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((0, 96, 64, 3), np.uint8), np.zeros((3, 96, 64, 3)), np.zeros((3, 3, 96, 64))],
)
def test_a_clip_of_another_shape_or_type_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(VidposeError, match=r"\(3, 96, 64, 3\) in uint8"):
        show_features(Spotted(a=torch.zeros(1, 1, 6, 4)), wrong)


def test_the_greatest_value_of_a_map_is_brightest_where_it_is() -> None:
    values = torch.zeros(1, 1, 6, 4)
    values[0, 0, 1, 2] = 7.0
    model = Spotted(a=values)
    picture = show_features(model, clip(model, grey=0))["probes.a"]
    assert picture.shape == (PANEL[0] + CAPTION, PANEL[1], 3)
    light = picture[: PANEL[0]].astype(int).sum(axis=-1)
    cells = light.reshape(6, 64, 4, 64).mean(axis=(1, 3))
    assert np.unravel_index(cells.argmax(), cells.shape) == (1, 2)
    assert (np.delete(cells.ravel(), 6) < 0.02 * cells.max()).all()


def test_frames_have_panels_and_few_channels_too() -> None:
    model = Spotted(
        frames=torch.rand(3, 1, 6, 4),
        both=torch.rand(1, 2, 6, 4),
        many=torch.rand(1, 5, 6, 4),
        hidden=torch.tensor([[[True], [False], [True]]]),
        nowhere=torch.rand(1, 7),
    )
    pictures = show_features(model, clip(model))
    widths = {name: picture.shape[1] // PANEL[1] for name, picture in pictures.items()}
    assert widths == {"probes.frames": 3, "probes.both": 2, "probes.many": 1, "probes.hidden": 3}


def test_many_channels_are_shown_by_their_norm() -> None:
    value = torch.zeros(1, 5, 6, 4)
    value[0, :, 0, 0] = -1.0
    model = Spotted(a=value)
    light = show_features(model, clip(model, grey=0))["probes.a"].astype(int).sum(axis=-1)
    assert light[32, 32] > light[200, 200]


def test_places_are_dots_and_those_outside_the_crop_are_left_out() -> None:
    places = torch.tensor([[0.5, 0.25], [1.0, 0.5], [-0.1, 0.5], [float("nan"), 0.5]])
    model = Spotted(places=places[None, None, :, None])
    picture = show_features(model, clip(model, grey=0))["probes.places"][: PANEL[0]]
    dot = [[96, 128], [96, 129], [97, 128], [97, 129]]
    assert np.argwhere(picture.any(axis=-1)).tolist() == dot


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -1e30])
def test_a_map_without_contrast_or_numbers_is_a_picture(value: float) -> None:
    picture = overlay(np.zeros((96, 64, 3), np.uint8), np.full((6, 4), value), value, value)
    assert picture.shape == (*PANEL, 3) and picture.dtype == np.uint8


def test_all_probes_of_vremd_are_shown() -> None:
    model = VREMDConfig(**SMALL).build().eval()
    pictures = show_features(model, clip(model))
    _, seen = model.look(torch.zeros(1, 3, 3, 96, 64, dtype=torch.uint8))
    assert pictures.keys() == seen.keys()
    widths = {name: picture.shape[1] // PANEL[1] for name, picture in pictures.items()}
    assert widths["human_mask.mask"] == widths["keypoint_mask.mask"] == 3
    assert widths["motion.differences"] == 3
    assert widths["enhanced"] == widths["motion.motion"] == 1
    both_directions = {widths[name] for name in widths if name.endswith("places")}
    assert both_directions == {2}


def test_the_key_frame_differs_from_itself_nowhere() -> None:
    model = VREMDConfig(**SMALL).build().eval()
    light = show_features(model, clip(model))["motion.differences"][: PANEL[0]].astype(int)
    earlier, key, later = np.split(light.sum(axis=-1), 3, axis=1)
    assert key.mean() < min(earlier.mean(), later.mean())


def test_all_probes_of_sdtc_in_either_mode() -> None:
    model = SDTCConfig(**SMALL).build().eval()
    _, seen = model.look(torch.zeros(1, 5, 3, 96, 64, dtype=torch.uint8))
    assert show_features(model, clip(model)).keys() == seen.keys()
    hidden = show_features(model.train(), clip(model))
    assert hidden.keys() == {*seen, "mlsme.tubes", "mlsme.frames"}


def test_the_estimator_knows_what_the_model_was_shown() -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, 90, 80, 3), dtype=np.uint8)
    frames = tuple(Frame(i, i / 30, image) for i, image in enumerate(images))
    model = VREMDConfig(**SMALL).build().eval()
    box = np.array([10.0, 5, 40, 60])
    estimator = ClipEstimator(model)
    estimator(frames, [Subject(4, box)])
    expected = np.empty((96, 64, 3), np.uint8)
    for image, found in zip(images, estimator.crops_of(4), strict=True):
        crop(image, model.crop.affine(model.crop.window(box)), expected)
        np.testing.assert_array_equal(found, expected)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with np.load(PEOPLE) as arrays:
        image = arrays["multipose_image"][..., ::-1]
    (tmp_path / "walk").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "walk" / f"{i}.png"), image)
    return tmp_path


def test_run_writes_a_picture_for_a_frame_a_person_and_a_probe(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save(folder, VREMDConfig(**SMALL))
    arguments = ["run", "walk", "--model", str(model), "--no-video", "--show-features"]
    assert main([*arguments, "--features-every", "2"]) == 0
    features = folder / "walk-poses" / "features"
    assert str(features.relative_to(folder)) in capsys.readouterr().out
    names = sorted(file.name for file in features.iterdir())
    assert {name.split("-")[0] for name in names} == {"000000", "000002"}
    assert {name.split("-", 2)[2] for name in names} >= {
        "human_mask.mask.png",
        "keypoint_mask.mask.png",
        "motion.differences.png",
    }
    assert cv2.imread(str(features / names[0])) is not None

    (features / "2026-01-mine.png").write_text("a picture")
    (features / "000009-1-another.probe.png").write_text("of another model")
    assert main([*arguments, "--format", ""]) == 2
    assert "features: exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    names = sorted(file.name for file in features.iterdir())
    assert {name.split("-")[0] for name in names} == {"000000", "2026"}


def test_run_refuses_a_model_without_probes_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))
    assert main(["run", "walk", "--show-features"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no probes" in line
    assert main(["run", "walk", "--features-every", "0"]) == 2
    assert "--features-every" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


def test_pictures_of_a_run_before_go_even_if_nobody_is_shown(folder: Path) -> None:
    model = save(folder, VREMDConfig(**SMALL))
    cv2.imwrite("black.png", np.zeros((48, 64, 3), np.uint8))
    arguments = ["run", "--model", str(model), "--no-video", "--show-features", "-o", "out"]
    assert main([*arguments, "walk"]) == 0
    assert any((folder / "out" / "features").iterdir())
    assert main([*arguments, "black.png", "--overwrite"]) == 0
    assert not any((folder / "out" / "features").iterdir())


def test_an_export_has_no_probes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    model = MoveNetConfig(variant="lightning", side=64).build()
    export(model, "onnx", folder / "exported")
    assert main(["run", "walk", "--model", "exported", "--show-features"]) == 2
    assert "no probes" in capsys.readouterr().err
    assert main(["run", "walk", "--runtime", "onnx", "--show-features"]) == 2
    assert "leave out --runtime onnx" in capsys.readouterr().err


def test_run_without_the_option_looks_at_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save(folder, VREMDConfig(**SMALL))
    monkeypatch.delattr(PoseModel, "look")
    monkeypatch.delattr(ClipEstimator, "crops_of")
    assert main(["run", "walk", "--model", str(model), "--no-video"]) == 0
    assert not (folder / "walk-poses" / "features").exists()
