from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from small_scenes import JOINTS, person, random_scene, sequence

from vidpose.datasets.labels import SequenceLabels
from vidpose.evaluation.posetrack import Evaluation, evaluate
from vidpose.evaluation.report import html
from vidpose.evaluation.result import limb_mean
from vidpose.evaluation.slices import by_slice, slice_of
from vidpose.skeleton import POSETRACK15

Side = list[SequenceLabels]


def named(seeds: Mapping[str, int]) -> tuple[Side, Side]:
    """Random scenes and answers, by the names of sequences."""
    scenes = {name: random_scene(seed) for name, seed in seeds.items()}
    truth = [replace(scene[0], name=name) for name, scene in scenes.items()]
    return truth, [replace(scene[1], name=name) for name, scene in scenes.items()]


def scored(seeds: Mapping[str, int]) -> Evaluation:
    return evaluate(*named(seeds), resamples=20)


@pytest.mark.parametrize("name", ["", "clean", "000342_mpii_test", "000001_synth", "x_synth-clean"])
def test_sequences_of_other_sets_are_in_no_slice(name: str) -> None:
    assert slice_of(name) is None
    assert by_slice([(name, 1)]) == {}


def test_slices_keep_the_order_in_which_they_come() -> None:
    pairs = [("1_synth-b", 0), ("2_synth-a-1", 1), ("other", 2), ("3_synth-b", 3)]
    assert list(by_slice(pairs).items()) == [("b", [0, 3]), ("a-1", [1])]


def test_a_slice_scores_as_if_it_were_all() -> None:
    clean = {"000000_synth-clean": 1, "000001_synth-clean": 2}
    crowd = {"001000_synth-crowd": 3}
    both = scored(clean | crowd | {"000342_mpii_test": 4}).result
    assert list(both.slices) == ["clean", "crowd"]
    for name, alone in (("clean", scored(clean).result), ("crowd", scored(crowd).result)):
        part = both.slices[name]
        assert part.model_dump() == alone.slices[name].model_dump()
        assert (part.sequences, part.people) == (alone.sequences, alone.people)
        assert (part.ap, part.recall) == (alone.ap, alone.recall)
        assert part.intervals == alone.intervals


def test_a_slice_is_scored_by_the_rules_of_the_whole() -> None:
    name = "000000_synth-clean"
    # Of a joint that nobody has, only the kit says 0.
    truth = sequence([person(there=np.arange(JOINTS) != 2)], name=name)
    found = sequence([person()], name=name)
    result = evaluate([truth], [found], "posetrack21", resamples=5).result
    part = result.slices["clean"]
    assert (part.ap, part.recall) == (result.ap, result.recall)
    # Every draw of the one person is the set itself.
    assert part.intervals is not None and part.intervals == result.intervals
    assert part.intervals.mean == pytest.approx((part.ap.mean, part.ap.mean))


def test_a_set_without_slices_reports_none() -> None:
    found = scored({"000342_mpii_test": 4})
    assert found.result.slices == {}
    assert "each slice" not in html(found)
    assert "<td>fog</td>" in html(scored({"000342_synth-fog": 4}))


def test_the_limbs_are_the_last_two_joints_of_arms_and_legs() -> None:
    limbs = ("elbow", "wrist", "knee", "ankle")
    inside = np.array([joint.endswith(limbs) for joint in POSETRACK15.joints])
    values = np.random.default_rng(0).random(15)
    assert limb_mean(values) == pytest.approx(values[inside].mean())
    assert limb_mean(np.where(inside, np.nan, values)) != limb_mean(values)
    result = scored({"000000_synth-clean": 1}).result
    joints = np.array(list(result.ap.joints.values()))
    assert result.ap.limbs == pytest.approx(joints[inside].mean())
    assert result.intervals is not None
    low, high = result.intervals.limbs
    assert low <= result.ap.limbs <= high
