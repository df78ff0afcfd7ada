"""The places of joints chosen among those that a pose network gave."""

from itertools import product
from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidpose.layers.positions import sine_cosine
from vidpose.models.dsta.chosen_place import ChosenPlace, agreeing, best_places
from vidpose.models.dsta.groups import limb_sides
from vidpose.models.dsta.known import CANDIDATES
from vidpose.skeleton import COCO17, PENN13, Skeleton

LEGS = Skeleton("legs", ("nose", "right_knee", "left_knee"), (), (0.1, 0.1, 0.1))
SIDES = torch.tensor(limb_sides(LEGS))
NOBODY = torch.zeros(2, 0, dtype=torch.int64)


def head_and_inputs() -> tuple[ChosenPlace, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    head = ChosenPlace(LEGS, 6, 8, 2, 0, (48, 48))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    candidates = torch.rand(1, 2, 3, CANDIDATES, 2)
    return head, torch.randn(1, 3, 6), candidates, torch.randn(1, 2, 3, 8)


@torch.no_grad()
def test_the_chosen_place_is_the_attended_mean_of_all_frames() -> None:
    head, features, candidates, tokens = head_and_inputs()
    chosen = head(features, candidates, head.logits(features, candidates, tokens))
    weights, places, supports = [], [], []
    for joint in range(3):
        normed = head.norm(features[0, joint])
        query, logits, of_joint = head.query(normed), [], []
        for frame in range(2):
            of_frame = head.token(head.token_norm(tokens[0, frame, joint])).reshape(CANDIDATES, 8)
            for kind in range(CANDIDATES):
                place = candidates[0, frame, joint, kind]
                key = head.place(sine_cosine(16 * place, 8)) + of_frame[kind]
                own = 4.0 if frame == kind == 0 else 0.0
                at = frame * CANDIDATES + kind
                logits.append(query @ key / 8**0.5 + head.kind(normed)[at] + own)
                of_joint.append(place)
        weight = torch.stack(logits).softmax(0)
        weights.append(weight)
        places.append(of_joint)
        supports.append(
            [
                float(
                    sum(w * near(place, other) for w, other in zip(weight, of_joint, strict=True))
                )
                for place in of_joint
            ]
        )
    for joint, best in enumerate(literal_best(supports, places)):
        mean, total = torch.zeros(2), torch.zeros(())
        for w, place in zip(weights[joint], places[joint], strict=True):
            mean = mean + w * near(place, places[joint][best]) * place
            total = total + w * near(place, places[joint][best])
        expected = mean / total + head.shift(head.norm(features[0, joint]))
        torch.testing.assert_close(chosen[0, joint], expected)


def literal_best(supports: list[list[float]], places: list[list[torch.Tensor]]) -> list[int]:
    """Of nose, right knee and left knee: the knees together."""
    nose, *knees = supports
    worth = {
        (right, left): log(knees[0][right])
        + log(knees[1][left])
        - 2 * float(near(places[1][right], places[2][left]))
        for right, left in product(range(len(nose)), repeat=2)
    }
    return [nose.index(max(nose)), *max(worth, key=lambda pair: worth[pair])]


def near(place: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """How far two places agree."""
    return torch.exp(-0.5 * ((place - other) / 0.08).square().sum())


def test_a_joint_of_two_answers_is_put_at_one_of_them() -> None:
    places = torch.tensor([[[[0.3, 0.5], [0.31, 0.5], [0.7, 0.5], [0.29, 0.5]]]])
    weight = torch.tensor([[[0.2, 0.2, 0.4, 0.2]]])
    chosen = (agreeing(weight, places, NOBODY)[..., None] * places).sum(2)
    torch.testing.assert_close(chosen, torch.tensor([[[0.3, 0.5]]]), atol=1e-3, rtol=0)
    sums = agreeing(weight, places, NOBODY).sum(-1)
    torch.testing.assert_close(sums, torch.ones(1, 1))
    # Where all agree the mean is that of all.
    same = torch.full((1, 1, 4, 2), 0.4)
    torch.testing.assert_close(agreeing(weight, same, NOBODY), weight)


@pytest.mark.parametrize(
    ("right", "left", "expected"),
    [
        # Both knees seen best in the same place: who has the better alternative takes it.
        ((0.6, 0.4), (0.8, 0.2), (1, 0)),
        ((0.8, 0.2), (0.6, 0.4), (0, 1)),
        # Nobody has one that is worth it: they are in one place, as seen from the side.
        ((0.9, 0.1), (0.9, 0.1), (0, 0)),
        # Apart already.
        ((0.6, 0.4), (0.4, 0.6), (0, 1)),
    ],
)
def test_both_knees_are_seldom_on_one(
    right: tuple[float, float], left: tuple[float, float], expected: tuple[int, int]
) -> None:
    places = torch.tensor([[0.3, 0.8], [0.6, 0.8]]).expand(1, 3, 2, 2)
    # The nose has nobody to be apart from.
    support = torch.tensor([[(0.7, 0.3), right, left]])
    assert best_places(support, places, SIDES).tolist() == [[0, *expected]]


def test_alternatives_win_above_a_part_of_e_to_the_minus_two() -> None:
    places = torch.tensor([[0.3, 0.8], [0.9, 0.8]]).expand(1, 3, 2, 2)
    for part, expected in ((1.01 * exp(-2), 1), (0.99 * exp(-2), 0)):
        support = torch.tensor([[(1.0, 1.0), (1.0, 0.001), (1.0, part)]])
        assert best_places(support, places, SIDES)[0, 2] == expected


@given(st.integers(0, 2**31 - 1))
def test_a_mirrored_person_has_mirrored_places(seed: int) -> None:
    torch.manual_seed(seed)
    support, places = torch.rand(2, 17, 6) + 1e-3, torch.rand(2, 17, 6, 2)
    swap = torch.tensor(COCO17.flip_permutation)
    sides = torch.tensor(limb_sides(COCO17))
    best = best_places(support, places, sides)
    assert torch.equal(best_places(support[:, swap], places[:, swap], sides), best[:, swap])
    # Joints of head and trunk are each on its own.
    alone = [at for at in range(17) if at not in sides]
    assert torch.equal(best[:, alone], support[:, alone].argmax(-1))


def test_a_limb_has_two_sides() -> None:
    left, right = limb_sides(PENN13)
    assert [PENN13.joints[at] for at in left] == [
        f"left_{part}" for part in ("elbow", "wrist", "knee", "ankle")
    ]
    assert [PENN13.joints[at].replace("right", "left") for at in right] == [
        PENN13.joints[at] for at in left
    ]
    assert limb_sides(Skeleton("half", ("nose", "left_knee"), (), (0.1, 0.1))) == ((), ())


def test_the_choice_learns_from_candidates_near_the_truth_alone() -> None:
    head, features, candidates, tokens = head_and_inputs()
    target = candidates[:, 1, :, 2].clone()
    target[0, 2] = 9.0  # nothing is near the last joint
    believed = head.logits(features, candidates, tokens)
    found = head.loss(candidates, believed, target, torch.tensor([[1.0, 0.0, 1.0]]))
    log_choice = believed.log_softmax(-1)[0, 0]
    distance = (candidates[0, :, 0].flatten(0, 1) - target[0, 0]).norm(dim=-1)
    near = (-0.5 * (distance / 0.02) ** 2).softmax(0)
    torch.testing.assert_close(found, -(near * log_choice).sum())
