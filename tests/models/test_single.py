"""The one-frame decoder against a literal loop, and what its prior is for."""

import math

import pytest
import torch

from vidpose.backbones.movenet import Head
from vidpose.heads.movenet import decode, pairs_of_head, pairs_of_map

SIDE = 12


def random_maps(seed: int, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(channels: int, scale: float) -> torch.Tensor:
        return torch.randn(batch, channels, SIDE, SIDE, generator=generator) * scale

    return {
        "center": normal(1, 2),
        "kpt_heatmap": normal(17, 2),
        "kpt_regress": normal(34, 3),
        "kpt_offset": normal(34, 0.5),
    }


def literal(
    maps: dict[str, torch.Tensor], row: int, prior: torch.Tensor | None
) -> list[tuple[float, float, float]]:
    """The definition in loops: x, y in cells, and the score."""
    softening = 1.7998046875
    centre = maps["center"][row, 0].sigmoid()
    cells = [(y, x) for y in range(SIDE) for x in range(SIDE)]
    y0, x0 = max(
        cells,
        key=lambda c: float(centre[c]) / (math.hypot(c[0] - SIDE / 2, c[1] - SIDE / 2) + softening),
    )
    joints = []
    for k in range(17):
        py = y0 + float(maps["kpt_regress"][row, 2 * k, y0, x0])
        px = x0 + float(maps["kpt_regress"][row, 2 * k + 1, y0, x0])
        seen, trust = (0.0, 0.0), 0.0
        known = prior is not None and bool((prior[row, :, 2] > 0).any())
        if prior is not None and known:
            seen = (float(prior[row, k, 1]) * SIDE, float(prior[row, k, 0]) * SIDE)
            trust = float(prior[row, k, 2])
        heat = maps["kpt_heatmap"][row, k].sigmoid()

        def weighted(
            cell: tuple[int, int],
            heat: torch.Tensor = heat,
            own: tuple[float, float] = (py, px),
            seen: tuple[float, float] = seen,
            trust: float = trust,
            known: bool = known,
        ) -> float:
            weight = 1 / (math.hypot(cell[0] - own[0], cell[1] - own[1]) + softening)
            if known:
                near = 1 / (math.hypot(cell[0] - seen[0], cell[1] - seen[1]) + 1.4)
                weight = trust * near + (1 - trust) * (0.1 + 0.6 * weight)
            return float(heat[cell]) * weight

        y, x = max(cells, key=weighted)
        dy = float(maps["kpt_offset"][row, 2 * k, y, x])
        dx = float(maps["kpt_offset"][row, 2 * k + 1, y, x])
        joints.append((x + dx, y + dy, float(heat[y, x])))
    return joints


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_prior", [False, True])
def test_decoder_equals_the_literal_loop(seed: int, with_prior: bool) -> None:
    maps = random_maps(seed)
    prior = None
    if with_prior:
        prior = torch.rand(2, 17, 3, generator=torch.Generator().manual_seed(seed + 100))
        prior[0, 3, 2] = 0  # of the first person one joint was not seen
        prior[1, :, 2] = 0  # the second person has none
    output = decode(maps, prior)
    for row in range(2):
        expected = torch.tensor(literal(maps, row, prior))
        torch.testing.assert_close(output.xy_norm[row] * SIDE, expected[:, :2], atol=1e-4, rtol=0)
        torch.testing.assert_close(output.score[row], expected[:, 2])


def test_of_two_people_in_a_crop_the_prior_picks_one() -> None:
    maps = {name: torch.full_like(m, -6.0) for name, m in random_maps(0, 1).items()}
    maps["kpt_regress"].zero_()
    maps["kpt_offset"].zero_()
    maps["center"][0, 0, 6, 6] = 4.0
    maps["kpt_heatmap"][0, :, 6, 3] = 2.0  # the person asked for
    maps["kpt_heatmap"][0, :, 6, 8] = 4.0  # somebody else, seen more clearly
    prior = torch.tensor([3 / SIDE, 6 / SIDE, 1.0]).expand(1, 17, 3)
    alone = decode(maps).xy_norm[0, :, 0] * SIDE
    led = decode(maps, prior).xy_norm[0, :, 0] * SIDE
    torch.testing.assert_close(alone, torch.full((17,), 8.0))
    torch.testing.assert_close(led, torch.full((17,), 3.0))


def test_an_unsure_prior_does_not_hold_a_clear_joint_back() -> None:
    maps = {name: torch.full_like(m, -6.0) for name, m in random_maps(0, 1).items()}
    maps["kpt_regress"].zero_()
    maps["kpt_offset"].zero_()
    maps["kpt_heatmap"][0, :, 6, 1] = -2.0
    maps["kpt_heatmap"][0, :, 6, 10] = 4.0
    prior = torch.tensor([1 / SIDE, 6 / SIDE, 0.02]).expand(1, 17, 3)
    torch.testing.assert_close(decode(maps, prior).xy_norm[0, :, 0] * SIDE, torch.full((17,), 10.0))


def test_a_head_in_the_cells_alone_is_its_map_there() -> None:
    torch.manual_seed(0)
    head = Head(24, 34)
    level = torch.randn(3, 24, 5, 7)
    corners = torch.tensor([0, 6, 28, 34])
    cells = torch.cat([corners.expand(3, -1), torch.randint(0, 35, (3, 13))], 1)
    torch.testing.assert_close(
        pairs_of_head(head, level, cells), pairs_of_map(head(level), cells), atol=1e-6, rtol=0
    )
