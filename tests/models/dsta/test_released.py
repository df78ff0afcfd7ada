"""Our DSTA with the weights of an official model gives the official outputs."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from vidpose.backbones.base import Features
from vidpose.backbones.registry import build
from vidpose.cli import main
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.dsta import DSTA
from vidpose.models.dsta.released import RELEASED, from_released

DATA = Path(__file__).parents[2] / "data" / "dsta_head.npz"
# The released model answers in 17 slots; the ears are no joints.
SLOTS = [0, 1, 2, *range(5, 17)]
# The token that is read for each of our joints.
TOKENS = [1, 2, 0, 3, 6, 4, 7, 5, 8, 9, 12, 10, 13, 11, 14]


@pytest.fixture(scope="module")
def oracle() -> dict[str, torch.Tensor]:
    with np.load(DATA) as arrays:
        return {name: torch.from_numpy(arrays[name]).double() for name in arrays.files}


@pytest.fixture
def model(oracle: dict[str, torch.Tensor]) -> DSTA:
    state = {k.removeprefix("sd/"): v for k, v in oracle.items() if k.startswith("sd/")}
    built = RELEASED.build().double().eval()
    outcome = built.load_state_dict(from_released(state), strict=False)
    assert not outcome.unexpected_keys
    assert {key.split(".")[0] for key in outcome.missing_keys} == {"backbone", "jfd"}
    return built


def tokens(oracle: dict[str, torch.Tensor]) -> torch.Tensor:
    """The official joint tokens of a batch of clips, in the order of our joints."""
    return oracle["out64/tokens"].transpose(0, 1)[:, :, TOKENS]


def test_coordinates_deviations_and_scores(model: DSTA, oracle: dict[str, torch.Tensor]) -> None:
    output = model.aggregate(Features((tokens(oracle),)))
    assert output.sigma is not None
    assert (output.xy_norm - oracle["out64/pred_jts"][:, SLOTS]).abs().max() < 1e-5
    assert (output.sigma - oracle["out64/sigma"][:, SLOTS]).abs().max() < 1e-5
    assert (output.score - oracle["out64/maxvals"][:, SLOTS, 0]).abs().max() < 1e-5


def test_both_branches_and_their_sum(model: DSTA, oracle: dict[str, torch.Tensor]) -> None:
    clip = tokens(oracle)
    spatial, temporal = model.std.spatial(clip), model.std.temporal(clip)  # type: ignore[operator]
    assert (spatial - oracle["out64/sd"][:, TOKENS]).abs().max() < 1e-5
    assert (temporal - oracle["out64/td_center"][:, TOKENS]).abs().max() < 1e-5
    assert (model.std(clip) - oracle["out64/fused_tokens"][:, TOKENS]).abs().max() < 1e-5


def test_the_loss_and_its_gradients(model: DSTA, oracle: dict[str, torch.Tensor]) -> None:
    output = model.aggregate(Features((tokens(oracle),)))
    assert output.sigma is not None
    weight = oracle["in/target_weight"][:, SLOTS, 0]
    loss = model.rle(output.xy_norm, output.sigma, oracle["in/target"][:, SLOTS], weight)
    assert loss.item() == pytest.approx(oracle["out64/loss"].item(), rel=1e-5)
    loss.backward()
    theirs = {k.removeprefix("grad64/"): v for k, v in oracle.items() if k.startswith("grad64/")}
    ours = from_released(theirs)
    assert len(ours) == 7
    for name, gradient in ours.items():
        torch.testing.assert_close(
            model.get_parameter(name).grad, gradient, atol=1e-5, rtol=1e-5, msg=name
        )


def test_places_in_the_image(model: DSTA, oracle: dict[str, torch.Tensor]) -> None:
    centre, scale = oracle["in/decode_center"], oracle["in/decode_scale"]
    output = model.aggregate(Features((tokens(oracle),)))
    for row in range(2):
        half = scale[row] * 100
        box = torch.cat([centre[row] - half, centre[row] + half]).numpy()
        affine = model.crop.affine(box)
        xy = output.xy_norm[row].detach().numpy() * [192, 256]
        image = (xy - affine[:, 2]) / affine[0, 0]
        assert np.abs(image - oracle["out32/image_coords"][row, SLOTS].numpy()).max() < 1e-2


def test_the_decoder_of_the_joint_tokens() -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if not shared:
        pytest.skip("VIDPOSE_SHARED is not set: the official JFD weights are not here")
    with np.load(Path(shared) / "oracles" / "dsta_official" / "head.npz") as arrays:
        state = {
            k.removeprefix("sd/"): torch.from_numpy(arrays[k])
            for k in arrays.files
            if k.startswith("sd/")
        }
        pooled = torch.from_numpy(arrays["in/pooled_features"])
        expected = torch.from_numpy(arrays["out32/tokens"])
    built = RELEASED.build().eval()
    built.load_state_dict(from_released(state), strict=False)
    for frame in range(3):
        found = built.embed(Features((pooled[frame][..., None, None],))).last
        assert (found - expected[frame][:, TOKENS]).abs().max() < 1e-5


def test_a_tensor_that_the_released_model_does_not_have_is_an_error() -> None:
    with pytest.raises(VidposeError, match=r"no tensor named 'neck.weight'"):
        from_released({"neck.weight": torch.zeros(1)})


def theirs(oracle: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A checkpoint as the authors save it: their head, a random backbone and decoder."""
    torch.manual_seed(0)
    backbone = build("resnet50").state_dict()
    head = {k.removeprefix("sd/"): v.float() for k, v in oracle.items() if k.startswith("sd/")}
    linear = {"weight": torch.randn(544, 2048) / 50, "bias": torch.zeros(544)}
    return {
        **{f"preact.{name}": tensor for name, tensor in backbone.items()},
        **{f"fc_coord.linear.{name}": tensor for name, tensor in linear.items()},
        **head,
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_command_turns_their_file_into_one_that_loads(
    tmp_path: Path, oracle: dict[str, torch.Tensor], prefix: str
) -> None:
    state = theirs(oracle)
    torch.save({"state_dict": {prefix + k: v for k, v in state.items()}}, tmp_path / "dsta.pth")
    out = tmp_path / "ours.safetensors"
    assert main(["import", str(tmp_path / "dsta.pth"), "-o", str(out)]) == 0
    imported = registry.load(out)
    assert isinstance(imported, DSTA)
    direct = RELEASED.build().eval()
    direct.load_state_dict(from_released(state))
    clip = torch.randint(0, 256, (1, 3, 3, 256, 192), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(imported(clip).xy_norm, direct(clip).xy_norm)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"conv1.weight": torch.zeros(1)}, "no backbone that is known here"),
        (build("resnet18").state_dict(), "the backbone 'resnet18', which needs no import"),
        ({"Spatial_pos_embed": torch.zeros(3, 32)}, "not the released DSTA"),
    ],
)
def test_other_files_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: dict[str, torch.Tensor],
    message: str,
) -> None:
    torch.save(content, tmp_path / "other.pth")
    assert main(["import", str(tmp_path / "other.pth"), "-o", str(tmp_path / "o.safetensors")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "o.safetensors").exists()
