import numpy as np
import pytest
from small_scenes import JOINTS, matched, person, random_scene, sequence

from vidpose.evaluation.average_precision import Curve, PredictedJoints, curves
from vidpose.evaluation.bootstrap import interval, resampled_precision, resampled_sequences


def literal(scores: list[float], correct: list[bool], annotated: int) -> float:
    """The definition, a step at a time."""
    order = sorted(range(len(scores)), key=lambda n: -scores[n])
    points, hits = [], 0
    for taken, n in enumerate(order, start=1):
        hits += correct[n]
        points.append((hits / annotated, hits / taken))
    area, before = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        best = max(precision for there, precision in points if there >= recall)
        area += (recall - before) * best
        before = recall
    return area


def one_joint(scores: list[float], correct: list[bool], annotated: int) -> PredictedJoints:
    return PredictedJoints(
        np.array(scores).reshape(-1, 1),
        np.ones((len(scores), 1), dtype=bool),
        np.array(correct, dtype=bool).reshape(-1, 1),
        np.array([annotated]),
    )


def fix_draw(monkeypatch: pytest.MonkeyPatch, weights: np.ndarray) -> None:
    """Every draw of a bootstrap gives this."""

    class Draw:
        def multinomial(self, *_: object, **__: object) -> np.ndarray:
            return weights

    monkeypatch.setattr(np.random, "default_rng", lambda _: Draw())


def test_without_predictions_the_precision_is_zero_even_with_nothing_annotated() -> None:
    for annotated in (0, 3):
        [curve] = curves(one_joint([], [], annotated))
        assert curve.average_precision == 0


def test_predictions_of_what_is_never_annotated_are_undefined_or_zero_in_the_kit() -> None:
    detections = one_joint([0.5, 0.4], [False, False], 0)
    assert np.isnan(curves(detections)[0].average_precision)
    assert curves(detections, at_least_one=True)[0].average_precision == 0


def test_a_worked_example() -> None:
    # Right, wrong, right of three: precision 1, 1/2, 2/3.
    [curve] = curves(one_joint([0.9, 0.8, 0.7], [True, False, True], 3))
    assert curve.average_precision == pytest.approx((1 + 2 / 3) / 3)


def test_of_equal_scores_the_later_in_the_file_comes_first() -> None:
    for correct, wanted in (([True, False], 1 / 2), ([False, True], 1)):
        [curve] = curves(one_joint([0.5, 0.5], correct, 1))
        assert curve.average_precision == wanted


def test_it_is_the_area_that_the_definition_says() -> None:
    generator = np.random.default_rng(0)
    for count in (1, 2, 5, 60):
        scores, correct = generator.uniform(size=count), generator.uniform(size=count) < 0.6
        annotated = int(correct.sum()) + 3
        [curve] = curves(one_joint(scores.tolist(), correct.tolist(), annotated))
        wanted = literal(scores.tolist(), correct.tolist(), annotated)
        assert curve.average_precision == pytest.approx(wanted, abs=1e-12)


def test_an_empty_curve_has_no_area() -> None:
    assert Curve(np.zeros(0), np.zeros(0)).average_precision == 0


def test_a_bootstrap_of_nobody_is_zero() -> None:
    assert not resampled_precision([], JOINTS, 3).any()
    low, high = interval(np.full(4, np.nan))
    assert np.isnan(low) and np.isnan(high)


def test_an_interval_leaves_out_as_much_on_either_side() -> None:
    assert interval(np.arange(1001.0), 0.95) == pytest.approx((25, 975))


def test_a_bootstrap_of_what_is_never_annotated_is_undefined_or_zero_in_the_kit() -> None:
    truth, found = sequence([person(there=np.arange(JOINTS) != 2)]), sequence([person()])
    frames = matched(truth, found)
    assert np.isnan(resampled_precision(frames, JOINTS, 3)[:, 2]).all()
    assert (resampled_precision(frames, JOINTS, 3, at_least_one=True)[:, 2] == 0).all()


def test_a_bootstrap_is_seeded_and_surrounds_the_figure() -> None:
    frames = matched(*random_scene(3, frames=8))
    first, again = (resampled_precision(frames, JOINTS, 300, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, resampled_precision(frames, JOINTS, 300, seed=2))
    mean = np.mean(
        [each.average_precision for each in curves(PredictedJoints.collect(frames, JOINTS))]
    )
    low, high = interval(first.mean(axis=1))
    assert low < mean < high


def test_a_bootstrap_set_is_scored_as_if_its_people_stood_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = matched(*random_scene(5, frames=4))
    people = sum(len(frame.pair.truth) for frame in frames)
    alone = sum(int((frame.person < 0).sum()) for frame in frames)
    weights = np.random.default_rng(0).integers(0, 3, (1, people + alone))
    fix_draw(monkeypatch, weights)
    found = resampled_precision(frames, JOINTS, 1)[0]

    for joint in range(JOINTS):
        scores, correct, annotated, unit = [], [], 0, 0
        for frame in frames:
            truth, answers = frame.pair.truth, frame.pair.predictions
            owner = {p: unit + g for p, g in enumerate(frame.person) if g >= 0}
            lonely = [p for p, g in enumerate(frame.person) if g < 0]
            owner |= {p: unit + len(truth) + n for n, p in enumerate(lonely)}
            for g in range(len(truth)):
                annotated += int(weights[0, unit + g]) * int(truth.there[g, joint])
            for p in range(len(answers)):
                for _ in range(weights[0, owner[p]] if answers.there[p, joint] else 0):
                    scores.append(float(answers.scores[p, joint]))
                    correct.append(bool(frame.correct[p, joint]))
            unit += len(truth) + len(lonely)
        assert found[joint] == pytest.approx(literal(scores, correct, annotated), abs=1e-12)


def test_a_bootstrap_set_of_sequences_is_scored_as_if_they_stood_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sequences = [matched(*random_scene(seed, frames=3)) for seed in range(3)]
    weights = np.array([[2, 0, 1], [0, 3, 0]])
    fix_draw(monkeypatch, weights)
    found = resampled_sequences(sequences, JOINTS, len(weights))
    for row, counts in zip(found, weights, strict=True):
        drawn = [
            frame
            for frames, count in zip(sequences, counts, strict=True)
            for frame in frames * count
        ]
        wanted = [each.average_precision for each in curves(PredictedJoints.collect(drawn, JOINTS))]
        assert row.tolist() == pytest.approx(wanted)
