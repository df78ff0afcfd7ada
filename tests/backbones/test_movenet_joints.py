"""MoveNet's joints as features: the same answers as the published network, in one vector each."""

import torch

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.movenet_joints import (
    DESCRIBED,
    JOINTS,
    KNOWN,
    PEAKS,
    JointAnswers,
    at_cells,
    highest_peaks,
)
from vidpose.backbones.registry import build
from vidpose.models import registry


def test_its_places_and_scores_are_the_published_networks() -> None:
    backbone = build("movenet-lightning-joints").eval()
    assert not checkpoints.load(backbone, weights.path("movenet-lightning")).missing
    model = registry.load("movenet-lightning")
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    with torch.inference_mode():
        vectors = backbone(frames).last
        answer = model(frames[:, None])
    assert vectors.shape == (2, JOINTS, backbone.info[0].channels)
    torch.testing.assert_close(vectors[..., :2] + 0.5, answer.xy_norm)
    torch.testing.assert_close(vectors[..., 2], answer.score)
    assert answer.heatmaps is not None
    second = vectors[..., :2] + 0.5 + vectors[..., 5:7]
    cells = (second * 24).round().long()
    height = answer.heatmaps[
        torch.arange(2)[:, None], torch.arange(JOINTS), cells[..., 1], cells[..., 0]
    ]
    torch.testing.assert_close(vectors[..., 7], height)
    away = ((second - answer.xy_norm) * 24).norm(dim=-1)
    assert (away >= 3.99).all()
    # The middle one of the nine places around is the place itself, between cells.
    assert KNOWN == 8 + 9
    around = at_cells(answer.heatmaps, answer.xy_norm)
    own = torch.diagonal(around, dim1=1, dim2=2)
    torch.testing.assert_close(vectors[..., 8 + 4], own)


def test_answers_are_the_parts_of_a_vector_in_their_order() -> None:
    vectors = torch.arange(float(DESCRIBED + 3 * PEAKS)).expand(2, 3, JOINTS, -1)
    answers = JointAnswers.of(vectors)
    torch.testing.assert_close(answers.joined(), vectors)
    assert answers.features[0, 0, 0, 0] == KNOWN
    # Graphs exported by an earlier version give no peaks.
    earlier = JointAnswers.of(vectors[..., :DESCRIBED])
    assert earlier.peaks.shape[-1] == earlier.heights.shape[-1] == 0
    torch.testing.assert_close(earlier.joined(), vectors[..., :DESCRIBED])


def test_put_elsewhere_an_answer_tells_of_the_same_places() -> None:
    torch.manual_seed(0)
    answers = JointAnswers.of(torch.rand(2, JOINTS, DESCRIBED + 3 * PEAKS))
    place = torch.rand(2, JOINTS, 2)
    found = answers.put_at(place)
    torch.testing.assert_close(found.place, place)
    torch.testing.assert_close(found.place + found.expected, answers.place + answers.expected)
    torch.testing.assert_close(found.place + found.second, answers.place + answers.second)
    torch.testing.assert_close(found.peak_places(), answers.peak_places())
    for name in ("score", "second_height", "around", "features", "heights"):
        assert getattr(found, name) is getattr(answers, name)


def test_a_map_is_sampled_at_the_index_of_a_cell_over_their_number() -> None:
    level = torch.arange(12.0).reshape(1, 1, 3, 4)
    places = torch.tensor([[[1 / 4, 2 / 3], [1.5 / 4, 0.0], [2.0, 2.0]]])
    torch.testing.assert_close(at_cells(level, places)[0, :, 0], torch.tensor([9.0, 1.5, 0.0]))


def test_peaks_are_the_highest_cells_among_their_neighbours() -> None:
    torch.manual_seed(0)
    maps, place = torch.rand(2, JOINTS, 12, 9), torch.rand(2, JOINTS, 2)
    offsets = torch.rand(2, JOINTS, 12 * 9, 2)

    def offset(cells: torch.Tensor) -> torch.Tensor:
        return offsets.gather(2, cells[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]

    peaks, heights = highest_peaks(maps, place, offset)
    vectors = torch.cat([place - 0.5, torch.zeros(2, JOINTS, DESCRIBED - 2), peaks, heights], -1)
    places = JointAnswers.of(vectors).peak_places()
    for person in range(2):
        for joint in range(JOINTS):
            map_ = maps[person, joint]
            found = []
            for y in range(12):
                for x in range(9):
                    around = map_[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
                    if map_[y, x] == around.max():
                        dy, dx = offsets[person, joint, y * 9 + x].tolist()
                        found.append((float(map_[y, x]), (x + dx) / 9, (y + dy) / 12))
            expected = torch.tensor(sorted(found, reverse=True)[:PEAKS])
            there = len(expected)  # there may be fewer than are asked for
            assert there >= 3
            torch.testing.assert_close(heights[person, joint, :there], expected[:, 0])
            torch.testing.assert_close(places[person, joint, :there], expected[:, 1:])
            assert (heights[person, joint, there:] == 0).all()
