"""Accuracy on labelled stills, with detected boxes.

    python benchmarks/accuracy.py SET=ANNOTATIONS.json:IMAGES_FOLDER ... [--model NAME_OR_PATH]
        [--flip-test]

SET is a name for the row. The annotations are in COCO layout; joints are matched by name, so that
LSP's 14, PoseTrack's and COCO's own all work. The rows are

    (a) the detector's own poses, (b) the pose network alone, (c) the pose network with the
    detector's joints as its prior, (d) what `vidpose run --model movenet-thunder` gives,
    (e) the same with another model, the flip test or both, and the difference to (d) with a 95 %
    interval over people.

All rows answer for the same detections; (d) runs the detector itself, with the same threshold. Two
figures a set, over all labelled people with at least 5 joints: the mean OKS, where a person who was
not found counts 0; and PCKh@0.5, where a joint of such a person counts as wrong. Answers for people
who are not labelled cost nothing, so their number is printed as well ("+"). The head size
is 0.6 times the diagonal of the head box (PoseTrack), the distance of neck and top of the head
(LSP), or else 0.15 times the longer side of the person's box. People and answers are paired so that
the sum of their OKS is greatest.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from vidpose.defaults import BASELINE
from vidpose.detect.base import Detections
from vidpose.detect.movenet import MoveNetDetector
from vidpose.estimator import ClipEstimator, Subject
from vidpose.flip_test import FlipTest
from vidpose.frame import Frame
from vidpose.geometry import oks, pckh_correct
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.pipeline import Pipeline
from vidpose.skeleton import COCO17
from vidpose.track import Tracker

SIGMAS = np.array(COCO17.sigmas)
FEWEST_JOINTS = 5
RESAMPLES = 2000
# Of labels without an area, a person fills about this much of the box.
FILLED = 0.6


@dataclass(frozen=True)
class Truth:
    """One labelled person: COCO joints, which of them are labelled, area and head size."""

    keypoints: np.ndarray
    labelled: np.ndarray
    area: float
    head: float


Answer = Callable[[Frame, Detections], list[np.ndarray]]


def main(sets: list[str], model: str | None, *, flip_test: bool) -> None:
    """Print one row a set and method."""
    detector = MoveNetDetector(registry.load_multipose())
    methods = answers(detector)
    if model is not None or flip_test:
        other = registry.load(model or BASELINE)
        methods["(e) other"] = pipeline_of(detector, FlipTest(other) if flip_test else other)
    print(f"{'set':14}{'people':>7}" + "".join(f"{name:>22}" for name in methods))
    for argument in sets:
        name, _, places = argument.partition("=")
        annotations, _, images = places.partition(":")
        stills = read(Path(annotations), Path(images))
        people = sum(len(truths) for _, truths in stills)
        found = [(detector(frame), frame, truths) for frame, truths in stills]
        cells, similar, right = [], [], []
        for answer in methods.values():
            rows = [score(answer(frame, seen), truths) for seen, frame, truths in found]
            similar.append(np.concatenate([row[0] for row in rows]))
            right.append([each for row in rows for each in row[1]])
            others = sum(row[2] for row in rows)
            correct = np.concatenate(right[-1])
            cells.append(
                f"{100 * similar[-1].mean():9.2f} /{100 * correct.mean():6.2f} +{others:<4}"
            )
        print(f"{name:14}{people:7}" + "".join(cells), flush=True)
        if "(e) other" in methods:
            print(f"{'':14}  (e) - (d): {compared(similar[-2:], right[-2:])}", flush=True)


def compared(similar: list[np.ndarray], right: list[list[np.ndarray]]) -> str:
    """The second minus the first, in OKS and in PCKh, with intervals over people."""
    hits = np.array([[each.sum() for each in method] for method in right], dtype=float)
    labelled = np.array([len(each) for each in right[0]], dtype=float)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(labelled), (RESAMPLES, len(labelled)))
    whole = np.arange(len(labelled))[None]
    ones, words = np.ones_like(labelled), []
    for name, gain, weight in (
        ("OKS", similar[1] - similar[0], ones),
        ("PCKh", hits[1] - hits[0], labelled),
    ):
        (mean,), drawn = (100 * gain[rows].sum(1) / weight[rows].sum(1) for rows in (whole, draws))
        low, high = np.percentile(drawn, (2.5, 97.5))
        words.append(f"{name} {mean:+.2f} ({low:+.2f} to {high:+.2f})")
    return ", ".join(words)


def answers(detector: MoveNetDetector) -> dict[str, Answer]:
    """The four methods, each from a frame and what the detector found in it."""
    estimator = ClipEstimator(registry.load(BASELINE))

    def network(with_prior: bool) -> Answer:
        def answer(frame: Frame, seen: Detections) -> list[np.ndarray]:
            assert seen.keypoints is not None and seen.keypoint_scores is not None
            people = [
                Subject(i, seen.boxes[i], *(prior(seen, i) if with_prior else (None, None)))
                for i in range(len(seen))
            ]
            return [pose.keypoints for pose in estimator((frame,), people)]

        return answer

    return {
        "(a) detector": lambda frame, seen: list(seen.keypoints) if len(seen) else [],
        "(b) network": network(False),
        "(c) with prior": network(True),
        "(d) in vidpose run": pipeline_of(detector, estimator.model),
    }


def pipeline_of(detector: MoveNetDetector, model: PoseModel) -> Answer:
    """What `vidpose run` answers with a model, in COCO's joints."""
    common = [model.skeleton.index(joint) for joint in COCO17.joints]

    def answer(frame: Frame, seen: Detections) -> list[np.ndarray]:
        tracker = Tracker(model.skeleton.sigmas)
        ((_, poses),) = Pipeline(detector, tracker, ClipEstimator(model))([frame])
        return [person.keypoints[common] for person in poses.people]

    return answer


def prior(seen: Detections, row: int) -> tuple[np.ndarray, np.ndarray]:
    """The plain prior of (c): the detector's joints, all trusted in full."""
    assert seen.keypoints is not None
    return seen.keypoints[row], np.ones(len(COCO17))


def score(
    answered: list[np.ndarray], truths: list[Truth]
) -> tuple[np.ndarray, list[np.ndarray], int]:
    """OKS of each person, which of their labelled joints are correct, how many answers are left."""
    best = np.zeros(len(truths))
    correct = np.zeros((len(truths), len(COCO17)), dtype=bool)
    labelled = np.stack([truth.labelled for truth in truths])
    if answered:
        keypoints = np.stack([truth.keypoints for truth in truths])
        area = np.array([truth.area for truth in truths])
        head = np.array([truth.head for truth in truths])
        similarity = oks(np.stack(answered), keypoints, area, SIGMAS, labelled.astype(float))
        for i, j in zip(*linear_sum_assignment(-similarity), strict=True):
            best[j] = similarity[i, j]
            correct[j] = pckh_correct(answered[i], keypoints[j], head[j])
    rows = [row[known] for row, known in zip(correct, labelled, strict=True)]
    return best, rows, len(answered) - min(len(answered), len(truths))


def read(annotations: Path, images: Path) -> list[tuple[Frame, list[Truth]]]:
    """The stills that have a labelled person, with them."""
    document = json.loads(annotations.read_text(encoding="utf-8"))
    joints = document["categories"][0]["keypoints"]
    truths: dict[int, list[Truth]] = {image["id"]: [] for image in document["images"]}
    for record in document["annotations"]:
        truth = _truth(record, joints)
        if not record.get("iscrowd") and truth.labelled.sum() >= FEWEST_JOINTS:
            truths[record["image_id"]].append(truth)
    stills: list[tuple[Frame, list[Truth]]] = []
    for image in document["images"]:
        if truths[image["id"]]:
            pixels = cv2.imread(str(images / image["file_name"]))
            if pixels is None:
                sys.exit(f"cannot read {images / image['file_name']}")
            frame = Frame(len(stills), 0.0, pixels[..., ::-1].copy())
            stills.append((frame, truths[image["id"]]))
    return stills


def _truth(record: dict[str, Any], joints: list[str]) -> Truth:
    labels = np.array(record["keypoints"], dtype=np.float64).reshape(-1, 3)
    keypoints, labelled = np.zeros((len(COCO17), 2)), np.zeros(len(COCO17), dtype=bool)
    for i, joint in enumerate(COCO17.joints):
        if joint in joints:
            row = labels[joints.index(joint)]
            keypoints[i], labelled[i] = row[:2], row[2] > 0
    width, height = record["bbox"][2:]
    return Truth(
        keypoints,
        labelled,
        float(record.get("area") or FILLED * width * height),
        _head_size(record, labels, joints),
    )


def _head_size(record: dict[str, Any], labels: np.ndarray, joints: list[str]) -> float:
    if "bbox_head" in record:
        return 0.6 * float(np.hypot(*record["bbox_head"][2:]))
    if "neck" in joints and "head_top" in joints:
        neck, top = labels[joints.index("neck")], labels[joints.index("head_top")]
        if neck[2] > 0 and top[2] > 0:
            return float(np.hypot(*(neck - top)[:2]))
    return 0.15 * float(max(record["bbox"][2:]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", metavar="SET=ANNOTATIONS.json:IMAGES_FOLDER")
    parser.add_argument("--model", metavar="NAME_OR_PATH")
    parser.add_argument("--flip-test", action="store_true")
    arguments = parser.parse_args()
    main(arguments.sets, arguments.model, flip_test=arguments.flip_test)
