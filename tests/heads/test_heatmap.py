"""The heatmap codec against the arrays of public implementations, and against plain loops."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from vidpose.heads.heatmap import Decoder, HeatmapCodec, gaussian_targets
from vidpose.heads.losses import heatmap_loss, weigh_joints
from vidpose.heads.peaks import decode_dark, decode_quarter, decode_vertex
from vidpose.skeleton import COCO17

Arrays = dict[str, np.ndarray]
DATA = Path(__file__).parents[1] / "data"
DECODERS: list[Decoder] = ["quarter", "dark", "udp", "middle"]


@pytest.fixture(params=["copied", "full"])
def oracle(request: pytest.FixtureRequest) -> Callable[[str], Arrays]:
    """Reads the arrays of a public implementation: those copied here, or all of them."""
    shared = os.environ.get("VIDPOSE_SHARED")
    if request.param == "full" and not shared:
        pytest.skip("VIDPOSE_SHARED is not set")

    def read(name: str) -> Arrays:
        copied = DATA / f"heatmap_{name}.npz"
        full = Path(shared or "", "oracles", "heatmaps", f"{name}.npz")
        with np.load(full if request.param == "full" else copied) as arrays:
            return dict(arrays)

    return read


def prefixes(arrays: Arrays) -> set[str]:
    return {key.split("/")[0] for key in arrays}


def to_image(xy_norm: Tensor, arrays: Arrays, prefix: str) -> np.ndarray:
    """Upright boxes of the crop's aspect, in full-image pixels."""
    size = arrays[f"{prefix}/scale"][:, None] * 200
    return xy_norm.numpy() * size + arrays[f"{prefix}/center"][:, None] - size / 2


# --- against public implementations ---


def test_targets_equal_the_public_ones(oracle: Callable[[str], Arrays]) -> None:
    arrays = oracle("targets")
    for prefix in prefixes(arrays):
        stride = arrays[f"{prefix}/image_size_wh"] / arrays[f"{prefix}/heatmap_size_wh"]
        width, height = arrays[f"{prefix}/heatmap_size_wh"].tolist()
        heatmaps, weight = gaussian_targets(
            torch.from_numpy(arrays[f"{prefix}/joints"][..., :2] / stride),
            torch.from_numpy(arrays[f"{prefix}/joints_vis"][..., 0]),
            (height, width),
            float(arrays[f"{prefix}/sigma"]),
        )
        np.testing.assert_allclose(heatmaps, arrays[f"{prefix}/target"], atol=1e-6)
        np.testing.assert_array_equal(weight, arrays[f"{prefix}/target_weight"][..., 0])
        limbs = weight * torch.tensor(weigh_joints(COCO17, "limbs"))
        np.testing.assert_allclose(limbs, arrays[f"{prefix}/target_weight_joint_weighted"][..., 0])


def test_targets_of_normalised_joints_equal_the_public_ones(
    oracle: Callable[[str], Arrays],
) -> None:
    arrays = oracle("targets")
    for prefix in prefixes(arrays):
        width, height = arrays[f"{prefix}/heatmap_size_wh"].tolist()
        codec = HeatmapCodec((height, width), float(arrays[f"{prefix}/sigma"]), "quarter")
        xy_norm = arrays[f"{prefix}/joints"][..., :2] / arrays[f"{prefix}/image_size_wh"]
        heatmaps, weight = codec.encode(
            torch.from_numpy(xy_norm.astype(np.float32)),
            torch.from_numpy(arrays[f"{prefix}/joints_vis"][..., 0]),
        )
        np.testing.assert_allclose(heatmaps, arrays[f"{prefix}/target"], atol=1e-6)
        np.testing.assert_array_equal(weight, arrays[f"{prefix}/target_weight"][..., 0])


def test_udp_targets_equal_the_public_ones(oracle: Callable[[str], Arrays]) -> None:
    arrays = oracle("udp")
    # In float64: near a float32 coordinate of 40 the Gaussian's slope alone is worth 1e-6.
    xy_norm = torch.from_numpy(arrays["encode/keypoints"]) / torch.tensor([191, 255])
    heatmaps, weight = HeatmapCodec((64, 48), 2.0, "udp").encode(
        xy_norm, torch.from_numpy(arrays["encode/visible"])
    )
    np.testing.assert_allclose(heatmaps[0], arrays["encode/heatmaps"], atol=1e-6)
    np.testing.assert_array_equal(weight, arrays["encode/weights"])


def test_quarter_decoding_equals_the_public_one(oracle: Callable[[str], Arrays]) -> None:
    arrays = oracle("decode")
    for prefix in prefixes(arrays):
        heatmaps = torch.from_numpy(arrays[f"{prefix}/heatmaps"])
        height, width = heatmaps.shape[-2:]
        xy, score = decode_quarter(heatmaps)
        np.testing.assert_array_equal(score, arrays[f"{prefix}/maxvals"][..., 0])
        assert np.abs(xy.numpy() - arrays[f"{prefix}/argmax_xy"]).max() == 0.25
        xy_norm, _ = HeatmapCodec((height, width), 2.0, "quarter").decode(heatmaps)
        image = to_image(xy_norm, arrays, prefix)
        np.testing.assert_allclose(image, arrays[f"{prefix}/image_coords"], atol=1e-3)


def test_udp_decoding_equals_vitpose(oracle: Callable[[str], Arrays]) -> None:
    arrays = oracle("udp")
    xy_norm, score = HeatmapCodec((64, 48), 2.0, "udp").decode(
        torch.from_numpy(arrays["decode/heatmaps"])
    )
    image = to_image(xy_norm, arrays, "decode")
    np.testing.assert_allclose(image, arrays["decode/vitpose_image_coords"], atol=1e-3)
    np.testing.assert_array_equal(score, arrays["decode/vitpose_maxvals"][..., 0])


# --- against plain loops ---


def loop_targets(
    xy: np.ndarray, weight: np.ndarray, size: tuple[int, int], sigma: float, exact: bool
) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    heatmaps, weight = np.zeros((len(xy), height, width)), weight.copy()
    reach = int(3 * sigma)
    for joint, (x, y) in enumerate(xy):
        column, row = int(x + 0.5), int(y + 0.5)
        if column - reach >= width or row - reach >= height:
            weight[joint] = 0
        if column + reach + 1 < 0 or row + reach + 1 < 0:
            weight[joint] = 0
        if weight[joint] <= 0.5:
            continue
        centre = (x, y) if exact else (column, row)
        for v in range(max(row - reach, 0), min(row + reach + 1, height)):
            for u in range(max(column - reach, 0), min(column + reach + 1, width)):
                squared = (u - centre[0]) ** 2 + (v - centre[1]) ** 2
                heatmaps[joint, v, u] = math.exp(-squared / (2 * sigma**2))
    return heatmaps, weight


def loop_quarter(heatmap: np.ndarray) -> tuple[float, float]:
    height, width = heatmap.shape
    row, column = divmod(int(heatmap.argmax()), width)
    if heatmap[row, column] <= 0:
        return 0.0, 0.0
    x, y = float(column), float(row)
    if 1 < column < width - 1 and 1 < row < height - 1:
        x += 0.25 * np.sign(heatmap[row, column + 1] - heatmap[row, column - 1])
        y += 0.25 * np.sign(heatmap[row + 1, column] - heatmap[row - 1, column])
    return x, y


def loop_dark(heatmap: np.ndarray, kernel: int) -> tuple[float, float]:
    """The whole map blurred, its logarithm padded, and the Newton step solved by numpy."""
    row, column = divmod(int(heatmap.argmax()), heatmap.shape[1])
    if heatmap[row, column] <= 0:
        return 0.0, 0.0
    # OpenCV's own choice of sigma, but for kernels up to 7, for which it has fixed weights.
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    blurred = cv2.GaussianBlur(heatmap.astype(np.float64), (kernel, kernel), sigma)
    log = np.pad(np.log(np.clip(blurred, 1e-3, 50)), 1, mode="edge")
    f = log[row : row + 3, column : column + 3]
    gradient = np.array([f[1, 2] - f[1, 0], f[2, 1] - f[0, 1]]) / 2
    mixed = (f[2, 2] - f[1, 2] - f[2, 1] + 2 * f[1, 1] - f[1, 0] - f[0, 1] + f[0, 0]) / 2
    hessian = np.array(
        [
            [f[1, 2] - 2 * f[1, 1] + f[1, 0], mixed],
            [mixed, f[2, 1] - 2 * f[1, 1] + f[0, 1]],
        ]
    )
    x, y = np.array([column, row]) - np.linalg.solve(hessian + 2**-23 * np.eye(2), gradient)
    return float(x), float(y)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0])
def test_targets_equal_the_loop(sigma: float, exact: bool) -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(-14, 36, (200, 2))
    # Exact halves, and squares that end just at, before and after the border.
    xy[:60] = np.round(xy[:60] * 2) / 2
    weight = rng.choice([0.0, 0.3, 0.5, 0.6, 1.0], 200)
    heatmaps, weights = gaussian_targets(
        torch.from_numpy(xy), torch.from_numpy(weight), (20, 24), sigma, exact_centre=exact
    )
    expected, expected_weights = loop_targets(xy, weight, (20, 24), sigma, exact)
    np.testing.assert_allclose(heatmaps, expected, atol=1e-12)
    np.testing.assert_array_equal(weights, expected_weights)


def rough_maps() -> np.ndarray:
    """Noise, blobs anywhere (also on borders and corners), equal maxima, and nothing above 0."""
    rng = np.random.default_rng(1)
    maps = rng.uniform(-0.2, 0.3, (60, 20, 24))
    v, u = np.mgrid[:20, :24]
    for index in range(10, 60):
        x, y = rng.uniform([-0.5, -0.5], [23.5, 19.5])
        blob = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * rng.uniform(1, 3) ** 2))
        maps[index] = blob + 0.02 * maps[index]
    maps[0], maps[1] = 0, -1
    maps[1, 5, 6] = -0.5
    maps[2, 3, 4] = maps[2, 7, 9] = 2.0
    # So low that most of it is below what DARK takes the logarithm of.
    maps[10] = 0.004 * np.exp(-((u - 9.3) ** 2 + (v - 8.2) ** 2) / 4)
    return maps.astype(np.float32)


def test_quarter_decoding_equals_the_loop() -> None:
    maps = rough_maps()
    xy, score = decode_quarter(torch.from_numpy(maps))
    np.testing.assert_array_equal(xy, [loop_quarter(heatmap) for heatmap in maps])
    np.testing.assert_array_equal(score, maps.max((1, 2)))


@pytest.mark.parametrize("kernel", [5, 11, 17])
def test_dark_decoding_equals_the_loop(kernel: int) -> None:
    # Without those of pure noise, which has no peak and so a step of any length.
    maps = np.delete(rough_maps(), slice(2, 10), axis=0)
    xy, score = decode_dark(torch.from_numpy(maps), kernel=kernel)
    expected = [loop_dark(heatmap, kernel) for heatmap in maps]
    np.testing.assert_allclose(xy, expected, atol=2e-3)
    np.testing.assert_array_equal(score, maps.max((1, 2)))


@given(seed=st.integers(0, 2**32 - 1), contrast=st.sampled_from([1e-6, 1e-3, 0.1, 1.0]))
def test_without_a_clear_peak_a_vertex_is_near_its_cell_and_rounding_does_not_move_it(
    seed: int, contrast: float
) -> None:
    draw = torch.Generator().manual_seed(seed)
    maps = 0.4 + contrast * torch.rand(3, 20, 24, generator=draw)
    xy, _ = decode_vertex(maps, kernel=5)
    cell = torch.tensor(rows_and_columns(maps))
    assert (xy - cell).abs().max() <= 1
    # As much as half a million roundings of a float32 after the comma.
    again, _ = decode_vertex(maps * (1 + 1e-6), kernel=5)
    assert (again - xy).abs().max() < 1e-3


def test_of_a_clear_round_peak_the_vertex_is_where_a_newton_step_ends() -> None:
    joint = torch.tensor([[9.3, 7.8], [12.0, 8.49]])
    maps, _ = gaussian_targets(joint, torch.ones(2), (20, 24), 2.0, exact_centre=True)
    vertex, score = decode_vertex(maps)
    newton, same = decode_dark(maps)
    torch.testing.assert_close(vertex, joint, atol=0.02, rtol=0)
    torch.testing.assert_close(vertex, newton, atol=0.01, rtol=0)
    assert torch.equal(score, same)


def rows_and_columns(maps: torch.Tensor) -> list[list[int]]:
    """Column and row of the highest cell of each map."""
    best = maps.flatten(1).argmax(1)
    return [[int(cell) % maps.shape[2], int(cell) // maps.shape[2]] for cell in best]


def test_the_loss_equals_the_loop_over_joints() -> None:
    torch.manual_seed(0)
    predicted, target = torch.rand(2, 3, 4, 5, 6)
    weight = torch.tensor([[1.0, 0.0, 1.5, 1.0], [1.2, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    joints = []
    for joint in range(4):
        w = weight[:, joint, None, None]
        loss = nn.functional.mse_loss(w * predicted[:, joint], w * target[:, joint])
        joints.append(float(loss))
    assert float(heatmap_loss(predicted, target, weight)) == pytest.approx(np.mean(joints))


# --- both ways ---


@pytest.mark.parametrize(
    ("decoder", "within"), [("quarter", 0.5), ("dark", 0.1), ("udp", 0.1), ("middle", 0.1)]
)
@given(
    place=st.tuples(st.floats(0.22, 0.78), st.floats(0.22, 0.78)),
    sigma=st.sampled_from([1.5, 2.0, 3.0]),
)
def test_a_joint_comes_back(
    decoder: Decoder, within: float, place: tuple[float, float], sigma: float
) -> None:
    codec = HeatmapCodec((64, 48), sigma, decoder)
    joint = torch.tensor([[place]])
    xy_norm, score = codec.decode(codec.encode(joint, torch.ones(1, 1))[0])
    cells = (xy_norm - joint).abs() * torch.tensor([48, 64])
    assert cells.max() <= within + 1e-4
    # An exact centre lies at most half a cell diagonal from the cell that is read.
    least = 1.0 if decoder == "quarter" else math.exp(-0.5 / (2 * sigma**2))
    assert score.item() == pytest.approx((1 + least) / 2, abs=(1 - least) / 2 + 1e-4)


@pytest.mark.parametrize(("sigma", "kernel"), [(1.0, 5), (2.0, 11), (3.0, 17)])
def test_the_blur_is_as_wide_as_the_target(sigma: float, kernel: int) -> None:
    maps = torch.from_numpy(rough_maps())
    found, _ = HeatmapCodec((20, 24), sigma, "dark").decode(maps)
    expected, _ = decode_dark(maps, kernel=kernel)
    torch.testing.assert_close(found, expected / torch.tensor([24, 20]), atol=0, rtol=0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_borders_of_the_crop_are_where_the_convention_puts_them(decoder: Decoder) -> None:
    codec = HeatmapCodec((8, 6), 1.0, decoder)
    heatmaps = torch.zeros(1, 2, 8, 6)
    heatmaps[0, 0, 0, 0] = heatmaps[0, 1, 7, 5] = 1
    (first, last), _ = (part[0] for part in codec.decode(heatmaps))
    half = torch.tensor([0.5 / 6, 0.5 / 8]) * (decoder == "middle")
    end = torch.tensor([1.0, 1.0] if decoder == "udp" else [5 / 6, 7 / 8])
    # A peak on the border has one flank only, so its refinement leaves the cell by up to a half.
    slack = 0.0 if decoder == "quarter" else 0.6 / 5
    torch.testing.assert_close(first, half, atol=slack, rtol=0)
    torch.testing.assert_close(last, end + half, atol=slack, rtol=0)


# --- degenerate and rough input ---


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_people_give_no_heatmaps_and_no_joints(decoder: Decoder) -> None:
    codec = HeatmapCodec((16, 12), 2.0, decoder)
    heatmaps, weight = codec.encode(torch.zeros(0, 17, 2), torch.zeros(0, 17))
    assert heatmaps.shape == (0, 17, 16, 12) and weight.shape == (0, 17)
    xy_norm, score = codec.decode(heatmaps)
    assert xy_norm.shape == (0, 17, 2) and score.shape == (0, 17)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
def test_a_joint_that_is_nowhere_is_not_learnt(decoder: Decoder, value: float) -> None:
    codec = HeatmapCodec((16, 12), 2.0, decoder)
    heatmaps, weight = codec.encode(torch.tensor([[value, 0.5], [0.5, value]]), torch.ones(2))
    assert not heatmaps.any() and not weight.any()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("value", [0.0, -1.0, 60.0, 65504.0])
def test_a_flat_heatmap_decodes_to_its_first_cell(decoder: Decoder, value: float) -> None:
    xy_norm, score = HeatmapCodec((16, 12), 2.0, decoder).decode(torch.full((1, 2, 16, 12), value))
    middle = torch.tensor([0.5 / 12, 0.5 / 16])
    first = middle if decoder == "middle" else torch.zeros(2)
    torch.testing.assert_close(xy_norm, first.expand(1, 2, 2), atol=0, rtol=0)
    assert (score == value).all()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_decodes_as_the_same_values_in_float32(
    decoder: Decoder, dtype: torch.dtype
) -> None:
    # Wider than the 256 cells up to which bfloat16 counts, and as high as float16 goes.
    codec = HeatmapCodec((32, 400), 2.0, decoder)
    joints = torch.tensor([[[0.9, 0.5], [0.83, 0.31]]])
    heatmaps = (codec.encode(joints, torch.ones(1, 2))[0] * 60000).to(dtype)
    xy_norm, score = codec.decode(heatmaps)
    assert xy_norm.dtype == score.dtype == torch.float32
    torch.testing.assert_close(xy_norm, codec.decode(heatmaps.float())[0], atol=0, rtol=0)
    assert ((xy_norm - joints).abs() * torch.tensor([400, 32])).max() < 1


@pytest.mark.parametrize("decoder", DECODERS)
def test_autocast_does_not_round_the_joints(decoder: Decoder) -> None:
    codec, maps = HeatmapCodec((20, 24), 2.0, decoder), torch.from_numpy(rough_maps())
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = codec.decode(maps)
    torch.testing.assert_close(found, codec.decode(maps)[0], atol=0, rtol=0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_heatmap_may_be_smaller_than_the_blur(decoder: Decoder) -> None:
    codec = HeatmapCodec((2, 3), 3.0, decoder)
    xy_norm, _ = codec.decode(codec.encode(torch.tensor([[0.4, 0.3]]), torch.ones(1))[0])
    assert xy_norm.isfinite().all()


@pytest.mark.parametrize("size", [(1, 8), (8, 1), (0, 0)])
def test_a_heatmap_without_a_second_cell_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2x2"):
        HeatmapCodec(size, 2.0, "udp")


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_joint_does_not_depend_on_the_others(decoder: Decoder) -> None:
    codec = HeatmapCodec((20, 24), 2.0, decoder)
    maps = torch.from_numpy(rough_maps()).unflatten(0, (12, 5))
    together, _ = codec.decode(maps)
    alone, _ = codec.decode(maps[7:8, 2:3])
    torch.testing.assert_close(together[7:8, 2:3], alone)
    joints = torch.rand(3, 4, 2)
    torch.testing.assert_close(
        codec.encode(joints, torch.ones(3, 4))[0][1:2, 2:3],
        codec.encode(joints[1:2, 2:3], torch.ones(1, 1))[0],
    )


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoding_exports_with_any_batch(decoder: Decoder) -> None:
    class Decode(nn.Module):
        def forward(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
            return HeatmapCodec((20, 24), 2.0, decoder).decode(heatmaps)

    maps = torch.from_numpy(rough_maps()).unflatten(0, (12, 5))
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(Decode(), (maps[:2],), dynamic_shapes=(batch,))
    for expected, found in zip(Decode()(maps), program.module()(maps), strict=True):
        torch.testing.assert_close(found, expected)
