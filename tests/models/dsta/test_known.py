"""DSTA on top of a pose network's answers."""

from typing import Any

import pytest
import torch
from known_toys import build, vectors

from vidpose.backbones.base import Features
from vidpose.backbones.movenet_joints import DESCRIBED, KNOWN, PEAKS, JointAnswers
from vidpose.layers.positions import sine_cosine
from vidpose.models.base import Targets
from vidpose.models.dsta import DSTAConfig
from vidpose.models.dsta.chosen_place import ChosenPlace
from vidpose.models.dsta.groups import limb_sides
from vidpose.models.dsta.known import CANDIDATES, KnownJFD
from vidpose.skeleton import BODY19, COCO17


def test_before_training_the_answer_is_almost_the_backbones_own() -> None:
    model = build(skeleton="coco17", offsets=(-1, 0, 1))
    features = Features((vectors(3),))
    # Left and right far apart, so that each joint is on its own.
    features.last[:, limb_sides(COCO17)[0], 0] -= 1.0
    own = features.last[1, :, :2] + 0.5
    clip = features.map(lambda level: level[None])
    assert isinstance(model.jfd, KnownJFD)
    candidates = model.jfd.candidates(features).transpose(0, 1).flatten(1, 2)
    weight = torch.tensor([0.0] * CANDIDATES + [4.0] + [0.0] * (2 * CANDIDATES - 1)).softmax(0)
    with torch.inference_mode():
        xy = model.aggregate(clip).xy_norm[0]
    near = torch.exp(-0.5 * ((candidates - own[:, None]) / 0.08).square().sum(-1))
    weight = (weight * near) / (weight * near).sum(-1, keepdim=True)
    torch.testing.assert_close(xy, (weight[..., None] * candidates).sum(1))
    assert (xy - own).abs().max() < 0.02


def test_candidates_are_the_place_the_second_peak_and_the_other_side() -> None:
    jfd = KnownJFD(COCO17, 8, (16, 16))
    known = vectors()
    left, right = COCO17.index("left_knee"), COCO17.index("right_knee")
    found = jfd.candidates(Features((known,)))[0, left]
    place = known[0, :, :2] + 0.5
    torch.testing.assert_close(
        found, torch.stack([place[left], place[left] + known[0, left, 5:7], place[right]])
    )


def test_joints_that_coco_lacks_are_placed_by_those_around() -> None:
    jfd = KnownJFD(BODY19, 8, (16, 16))
    known = torch.zeros(1, 17, DESCRIBED)
    for name, y in (("shoulder", 0.1), ("ear", 0.0)):
        for side in ("left", "right"):
            known[0, COCO17.index(f"{side}_{name}"), 1] = y
    found = jfd.candidates(Features((known,)))[0]
    # From the shoulders up by 1.74 times the way to the ears.
    torch.testing.assert_close(found[BODY19.index("head_top"), 0], torch.tensor([0.5, 0.426]))
    torch.testing.assert_close(found[BODY19.index("nose"), 0], torch.tensor([0.5, 0.5]))


def test_a_token_is_told_of_its_joint_the_other_side_and_everybody() -> None:
    torch.manual_seed(1)
    jfd = KnownJFD(COCO17, 8, (16, 16))
    known = vectors()[0]
    answers = JointAnswers.of(known)
    places, second = answers.place + 0.5, answers.place + 0.5 + answers.second

    def described(joint: int) -> torch.Tensor:
        waves = [sine_cosine(16 * place[joint], 8) for place in (places, second)]
        return torch.cat([known[joint, :KNOWN], jfd.norm(answers.features[joint]), *waves])

    everybody = jfd.everybody(known[:, :3].flatten())  # x, y and score of one joint after another
    tokens = jfd(Features((known[None],)))[0]
    for name, partner in (("left_knee", "right_knee"), ("nose", "nose")):
        joint, other = COCO17.index(name), COCO17.index(partner)
        expected = jfd.own(described(joint)) + jfd.opposite(described(other))
        expected = expected + everybody + jfd.classes[joint]
        torch.testing.assert_close(tokens[joint], expected, atol=1e-5, rtol=0)


def test_a_wrist_costs_one_and_a_half_times_as_much_as_with_equal_weights() -> None:
    equal, limbs = (build(joint_weights=each) for each in ("equal", "limbs"))
    features, wrist = vectors(10), equal.skeleton.index("left_wrist")
    assert isinstance(equal.jfd, KnownJFD)
    # Where a candidate is, so that there is something to choose.
    truth = equal.jfd.candidates(Features((features,)))[..., 0, :].unflatten(0, (2, 5))
    weight = torch.zeros(2, 5, 15).index_fill(2, torch.tensor([wrist]), 1)
    targets = Targets(truth, weight, torch.ones(2, 5), {})
    clip = Features((features.unflatten(0, (2, 5)),))
    terms, expected = limbs.loss(clip, targets), equal.loss(clip, targets)
    assert terms.keys() == {"rle", "choice"} and expected["choice"] > 0
    for name, term in terms.items():
        torch.testing.assert_close(term, 1.5 * expected[name])


def test_a_gradient_reaches_all_that_is_on_top_of_the_backbone() -> None:
    model = build().train()
    assert isinstance(model.coordinates, ChosenPlace)
    for layer in (model.coordinates.query, model.coordinates.kind, model.coordinates.shift):
        torch.nn.init.normal_(layer.weight)
    shape = (2, 5, 15)
    targets = Targets(torch.rand(*shape, 2), torch.ones(shape), torch.ones(shape[:2]), {})
    features = Features((vectors(10).unflatten(0, (2, 5)),))
    torch.stack(list(model.loss(features, targets).values())).sum().backward()
    silent = [
        name
        for name, p in model.named_parameters()
        if not name.startswith("backbone.") and (p.grad is None or not p.grad.any())
    ]
    assert not silent


def test_a_step_of_training_asks_once_how_much_candidates_are_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, calls = build(), []
    logits = ChosenPlace.logits

    def counted(*arguments: Any) -> torch.Tensor:
        calls.append(arguments)
        return logits(*arguments)

    monkeypatch.setattr(ChosenPlace, "logits", counted)
    shape = (2, 5, 15)
    targets = Targets(torch.rand(*shape, 2), torch.ones(shape), torch.ones(shape[:2]), {})
    model.loss(Features((vectors(10).unflatten(0, (2, 5)),)), targets)
    assert len(calls) == 1


def test_places_keep_their_digits_under_autocast() -> None:
    model = build()
    shape = (2, 5, 15)
    targets = Targets(torch.rand(*shape, 2), torch.ones(shape), torch.ones(shape[:2]), {})
    features = Features((vectors(10).unflatten(0, (2, 5)),))
    expected = model.loss(features, targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(features, targets)
    for name, term in expected.items():
        assert torch.equal(found[name], term), name


def test_a_backbone_that_gives_no_joints_is_refused() -> None:
    with pytest.raises(ValueError, match="mobilenet-v3-large gives no joints"):
        build(backbone="mobilenet-v3-large")


def test_a_score_is_the_chance_to_be_within_the_tolerance() -> None:
    model = build(tolerance=0.03)
    output = model(torch.zeros(1, 5, 3, 64, 64))
    assert output.sigma is not None
    chance = torch.distributions.Laplace(0.0, output.sigma / 2**0.5)
    sigmas = torch.tensor(model.skeleton.sigmas)
    tolerance = (0.03 * sigmas / sigmas.mean())[:, None]
    inside = chance.cdf(tolerance) - chance.cdf(-tolerance)
    torch.testing.assert_close(output.score, inside.mean(-1))


def test_moved_vectors_are_those_of_the_other_window() -> None:
    model = build(skeleton="coco17", offsets=(0,))
    seen = vectors(2)
    # The other window begins at a quarter of the first and is half as large: all is twice as far.
    scale, shift = torch.tensor([2.0, 1.0]), torch.tensor([[-0.5, -0.5], [0.25, 0.0]])
    found = model.moved(Features((seen,)), scale, shift).last
    for person in range(2):
        places = scale[person] * (seen[person, :, :2] + 0.5) + shift[person]
        torch.testing.assert_close(found[person, :, :2] + 0.5, places)
        # The joint's expected place and its second peak are told from the place.
        for part in (slice(3, 5), slice(5, 7)):
            torch.testing.assert_close(
                found[person, :, part], scale[person] * seen[person, :, part]
            )
    torch.testing.assert_close(found[..., 2], seen[..., 2])
    torch.testing.assert_close(found[..., 7:DESCRIBED], seen[..., 7:DESCRIBED])
    torch.testing.assert_close(found[..., -PEAKS:], seen[..., -PEAKS:])
    before, after = (JointAnswers.of(each).peak_places() for each in (seen, found))
    for person in range(2):
        torch.testing.assert_close(after[person], scale[person] * before[person] + shift[person])


def test_only_known_tokens_can_be_moved() -> None:
    model = DSTAConfig(backbone="resnet18", size=(64, 64)).build()
    assert not model.portable
    with pytest.raises(NotImplementedError, match="window"):
        model.moved(Features((vectors(),)), torch.ones(1), torch.zeros(1, 2))
