import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidpose.training.config import ScheduleConfig
from vidpose.training.schedule import factor

STEPS, EPOCHS = 10, 20


def curve(schedule: ScheduleConfig) -> list[float]:
    return [factor(schedule, step, STEPS, EPOCHS) for step in range(STEPS * EPOCHS)]


def torchs(build: type, **options: object) -> list[float]:
    """What torch's own scheduler does."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = build(optimizer, **options)
    rates = []
    for _ in range(STEPS * EPOCHS):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def test_steps_are_torchs() -> None:
    ours = curve(ScheduleConfig(kind="step", milestones=(5, 7.5, 15), gamma=0.2))
    theirs = torchs(torch.optim.lr_scheduler.MultiStepLR, milestones=[50, 75, 150], gamma=0.2)
    assert ours == pytest.approx(theirs)


def test_the_cosine_is_torchs() -> None:
    ours = curve(ScheduleConfig(kind="cosine", final=0.1))
    theirs = torchs(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=200, eta_min=0.1)
    assert ours == pytest.approx(theirs)


def test_the_cosine_begins_when_warm_up_has_ended() -> None:
    ours = curve(ScheduleConfig(kind="cosine", final=0.1, warmup_steps=4))
    theirs = torchs(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=196, eta_min=0.1)
    assert ours[4:] == pytest.approx(theirs[:196])


def test_warm_up_rises_evenly_to_the_schedule() -> None:
    rates = curve(ScheduleConfig(warmup_steps=4))
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_a_run_shorter_than_its_warm_up_never_gets_there() -> None:
    schedule = ScheduleConfig(kind="cosine", warmup_steps=1000)
    assert max(curve(schedule)) < 0.21


@given(
    st.sampled_from(["constant", "step", "cosine"]),
    st.integers(0, 50),
    st.floats(0.01, 1),
    st.integers(0, 10_000),
)
def test_the_factor_is_never_above_1_nor_below_0(
    kind: str, warmup: int, shrink: float, step: int
) -> None:
    schedule = ScheduleConfig.model_validate(
        {
            "kind": kind,
            "warmup_steps": warmup,
            "gamma": shrink,
            "milestones": [3, 6] if kind == "step" else [],
        }
    )
    value = factor(schedule, step, STEPS, EPOCHS)
    assert 0 <= value <= 1 and math.isfinite(value)
