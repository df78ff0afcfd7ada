"""The learning rate as a function of the step alone: resuming has nothing to restore."""

import math
from bisect import bisect_right

from vidpose.training.config import ScheduleConfig


def factor(schedule: ScheduleConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """What the learning rate is multiplied by at ``step``.

    During warm-up the schedule's own value is multiplied by a factor that rises linearly to 1; a
    cosine begins when warm-up has ended.

    Args:
        schedule: Shape of the schedule.
        step: Optimiser steps done so far.
        steps_per_epoch: Optimiser steps of one epoch.
        epochs: Length of the whole run.

    Returns:
        In (0, 1].
    """
    warm = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    match schedule.kind:
        case "constant":
            return warm
        case "step":
            return warm * schedule.gamma ** bisect_right(
                schedule.milestones, step / steps_per_epoch
            )
        case "cosine":
            length = max(steps_per_epoch * epochs - schedule.warmup_steps, 1)
            done = min(max(step - schedule.warmup_steps, 0) / length, 1.0)
            cosine = (1 + math.cos(math.pi * done)) / 2
            return warm * (schedule.final + (1 - schedule.final) * cosine)
