"""How long an evaluation takes: 50 sequences of 100 frames with 6 people, one core.

    python benchmarks/evaluation.py [--sequences 50] [--frames 100] [--people 6]

Prints times for reading the files of either layout, for AP, and for AP with tracking.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.posetrack import read_posetrack
from vidpose.datasets.posetrack17 import OFFICIAL_ORDER
from vidpose.evaluation.posetrack import evaluate
from vidpose.formats.posetrack18 import SLOTS
from vidpose.skeleton import POSETRACK15

_JOINTS = len(POSETRACK15)


def synthetic(
    sequences: int, frames: int, people: int, seed: int
) -> tuple[list[SequenceLabels], list[SequenceLabels]]:
    """People who walk past each other, and noisy detections of them with switched identities."""
    generator = np.random.default_rng(seed)
    truth, found = [], []
    for number in range(sequences):
        pose = generator.uniform(0, 120, (people, _JOINTS, 2))
        walk = np.cumsum(generator.normal(0, 6, (frames, people, 1, 2)), axis=0)
        start = generator.uniform(0, 500, (people, 1, 2))
        real = pose + start + walk
        seen = real + generator.normal(0, 5, real.shape)
        scores = generator.uniform(size=(frames, people, _JOINTS))
        order = np.arange(people)
        mine, theirs = [], []
        for index in range(frames):
            if generator.uniform() < 0.05:
                order = generator.permutation(people)
            name = f"images/val/{number:06d}_mpii_test/{index:06d}.jpg"
            mine.append(FrameLabels(index, name, _people(real[index], np.arange(people), None)))
            theirs.append(FrameLabels(index, name, _people(seen[index], order, scores[index])))
        folder = f"{number:06d}_mpii_test"
        truth.append(SequenceLabels(folder, POSETRACK15, tuple(mine)))
        found.append(SequenceLabels(folder, POSETRACK15, tuple(theirs)))
    return truth, found


def _people(
    keypoints: np.ndarray, tracks: np.ndarray, scores: np.ndarray | None
) -> tuple[PersonLabels, ...]:
    return tuple(
        PersonLabels(
            track_id=int(tracks[person]),
            keypoints=keypoints[person],
            visibility=np.full(_JOINTS, VISIBLE),
            head_box=np.array([0.0, 0.0, 30.0, 40.0]),
            keypoint_scores=None if scores is None else scores[person],
        )
        for person in range(len(keypoints))
    )


def as_posetrack18(labels: SequenceLabels) -> dict[str, Any]:
    """The file of a sequence in the layout of PoseTrack2018."""
    ears = (3, 3)
    annotations = [
        {
            "image_id": frame.index,
            "track_id": person.track_id,
            "keypoints": np.insert(
                np.column_stack([person.keypoints, np.ones(_JOINTS)]), ears, 0, axis=0
            )
            .ravel()
            .tolist(),
            "scores": []
            if person.keypoint_scores is None
            else np.insert(person.keypoint_scores, ears, 0).tolist(),
            "bbox_head": [0, 0, 30, 40],
        }
        for frame in labels.frames
        for person in frame.people
    ]
    images = [{"id": frame.index, "file_name": frame.name} for frame in labels.frames]
    categories = [{"name": "person", "keypoints": SLOTS}]
    return {"images": images, "annotations": annotations, "categories": categories}


def as_posetrack17(labels: SequenceLabels) -> dict[str, Any]:
    """The file of a sequence in the layout of PoseTrack2017."""
    order = [POSETRACK15.index(joint) for joint in OFFICIAL_ORDER]
    frames = []
    for frame in labels.frames:
        people = []
        for person in frame.people:
            scores = person.keypoint_scores
            points = [
                {
                    "id": [number],
                    "x": [float(person.keypoints[joint, 0])],
                    "y": [float(person.keypoints[joint, 1])],
                    **({} if scores is None else {"score": [float(scores[joint])]}),
                }
                for number, joint in enumerate(order)
            ]
            corners = {"x1": [0.0], "y1": [0.0], "x2": [30.0], "y2": [40.0]}
            people.append(
                {"track_id": [person.track_id], "annopoints": [{"point": points}], **corners}
            )
        name = f"images/val/{labels.name}/{frame.index + 1:08d}.jpg"
        frames.append({"image": [{"name": name}], "annorect": people})
    return {"annolist": frames}


def _read(files: list[Path]) -> list[SequenceLabels]:
    return [labels for file in files for labels in read_posetrack(file)]


def timed(what: str, work: Callable[[], Any]) -> Any:
    """The result of ``work``, having printed how long it took."""
    start, core = time.perf_counter(), time.process_time()
    result = work()
    core, wall = time.process_time() - core, time.perf_counter() - start
    print(f"{what:<44}{core:6.2f} s of a core, {wall:6.2f} s in all", flush=True)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=50)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--people", type=int, default=6)
    arguments = parser.parse_args()
    truth, found = synthetic(arguments.sequences, arguments.frames, arguments.people, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        for layout, write in (("PoseTrack18", as_posetrack18), ("PoseTrack17", as_posetrack17)):
            files = []
            for number, labels in enumerate([*truth, *found]):
                files.append(Path(folder) / f"{layout}-{number}.json")
                files[-1].write_text(json.dumps(write(labels)))
            megabytes = sum(file.stat().st_size for file in files) / 1e6
            timed(
                f"read {len(files)} {layout} files, {megabytes:.0f} MB",
                partial(_read, files),
            )
    result = timed("AP", lambda: evaluate(truth, found)).result
    timed("AP, MOTA and HOTA", lambda: evaluate(truth, found, tracking=True))
    timed("AP, PoseTrack21 kit", lambda: evaluate(truth, found, "posetrack21"))
    timed("AP with 100 bootstrap draws", lambda: evaluate(truth, found, resamples=100))
    print(f"{result.frames} frames, {result.people} people, mAP {result.ap.mean:.2f}")


if __name__ == "__main__":
    main()
