"""What options of `vidpose run` give in speed, and cost in agreement with the default.

    python benchmarks/options.py CLIP

Everything but drawing and writing, one thread, CPU time. The agreement is the mean OKS with the
default's poses, of those people who were found again (OKS of at least 0.3).
"""

import argparse
import time
from typing import Any

import numpy as np
import torch

import vidpose
from vidpose.geometry import box_area, oks

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "--detect-every 5": {"detect_every": 5},
    "--model movenet-lightning": {"model": "movenet-lightning"},
    "both": {"detect_every": 5, "model": "movenet-lightning"},
    "--flip-test": {"flip_test": True},
    "--model dsta-movenet": {"model": "dsta-movenet"},
    "--model dsta-movenet --mode exact": {"model": "dsta-movenet", "mode": "exact"},
}
FOUND = 0.3


def main(clip: str) -> None:
    """Print one row an option."""
    torch.set_num_threads(1)
    default: vidpose.Poses | None = None
    for name, options in OPTIONS.items():
        start = time.process_time()
        poses = vidpose.estimate(clip, **options)
        seconds = time.process_time() - start
        default = default or poses
        agreement = _agreement(default, poses)
        found = agreement >= FOUND
        print(
            f"{name:34} {len(poses) / seconds:5.1f} frames per core-second, "
            f"{found.sum()} of {len(found)} people found again, "
            f"mean OKS {agreement[found].mean():.3f}",
            flush=True,
        )


def _agreement(default: vidpose.Poses, poses: vidpose.Poses) -> np.ndarray:
    """The best OKS that each person of ``default`` reaches among ``poses``; 0 where nobody is."""
    best = []
    common = [poses.skeleton.joints.index(joint) for joint in default.skeleton.joints]
    for expected, frame in zip(default, poses, strict=True):
        answers = np.array([person.keypoints[common] for person in frame.people])
        answers = answers.reshape(-1, len(common), 2)
        for person in expected.people:
            area = box_area(person.box[None])
            sigmas = np.array(default.skeleton.sigmas)
            best.append(oks(answers, person.keypoints[None], area, sigmas).max(initial=0))
    return np.array(best)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    main(parser.parse_args().clip)
