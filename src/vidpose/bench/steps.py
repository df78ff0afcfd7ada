"""The steps of a model as calls that can be timed: the work of one person in one frame."""

from collections.abc import Callable
from typing import Literal, get_args

import torch

from vidpose.backbones.base import Features
from vidpose.models.base import PoseModel
from vidpose.models.cost import Cost

Step = Literal["clip", "stream", "encode", "aggregate"]
STEPS: tuple[Step, ...] = get_args(Step)


def steps(model: PoseModel) -> dict[Step, Callable[[], object]]:
    """Calls of a model's steps on crops of noise, where the model is.

    ``clip`` encodes the whole clip for one answer, as the mode ``exact`` does; ``stream`` encodes
    one frame and takes its neighbours from the cache, as ``hold`` does while a window is held.

    Args:
        model: In evaluation mode; timed under the caller's inference mode and precision.
    """
    frames = len(model.offsets)
    noise = torch.Generator().manual_seed(0)
    crops = torch.randint(
        0, 256, (frames, *model.crop.size, 3), generator=noise, dtype=torch.uint8
    ).to(model.device)
    clip = crops.permute(0, 3, 1, 2)  # the layout in which crops are cut
    newest = clip[-1:]
    cache = [_row(model.encode(frame[None])) for frame in clip]
    features = _clip(cache)

    def stream() -> object:
        return model.aggregate(_clip([*cache[:-1], _row(model.encode(newest))]))

    return {
        "clip": lambda: model(clip[None]),
        "stream": stream,
        "encode": lambda: model.encode(newest),
        "aggregate": lambda: model.aggregate(features),
    }


def macs(cost: Cost, step: Step) -> int:
    """Multiply-accumulates of a step."""
    match step:
        case "clip":
            return cost.clip
        case "stream":
            return cost.stream
        case "encode":
            return cost.backbone + cost.embed
        case "aggregate":
            return cost.aggregate


def _row(features: Features) -> Features:
    return features.map(lambda level: level[0])


def _clip(frames: list[Features]) -> Features:
    return Features.stack([Features.stack(frames, 0)], 0)
