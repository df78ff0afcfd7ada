"""What people do: the order and the pace in which actions take key poses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """One pose of an action.

    Attributes:
        pose: A name of `key_poses.POSES`.
        seconds: From the pose before it, at ordinary pace.
        flight: Whether the body is in the air until then.
        other_side: Whether the pose is taken with left and right exchanged.
    """

    pose: str
    seconds: float
    flight: bool = False
    other_side: bool = False


class Action(NamedTuple):
    """Something that a person does.

    Attributes:
        keys: Poses in order; the first one's seconds are not looked at.
        most: It is done once to this many times on end.
        hands_free: Whether the arms may do something else meanwhile.
    """

    keys: tuple[Key, ...]
    most: int = 1
    hands_free: bool = False


_JUMP = (Key("stand", 0), Key("jump_ready", 0.45), Key("take_off", 0.22))
_LANDING = (Key("half_crouch", 0.16), Key("stand", 0.5))


def _both_legs(*half: Key) -> tuple[Key, ...]:
    """A cycle of which the second half is the first one's mirror image."""
    return half + tuple(key._replace(other_side=not key.other_side) for key in half)


ACTIONS: Mapping[str, Action] = {
    "idle": Action(
        (Key("stand", 0), Key("stand_at_ease", 1.1), Key("stand", 0.9)), 3, hands_free=True
    ),
    "rest_hands": Action((Key("hands_on_hips", 0), Key("hands_on_hips", 1.2))),
    "hold_behind": Action((Key("hands_behind", 0), Key("hands_behind", 1.0))),
    "cross_arms": Action((Key("stand", 0), Key("arms_crossed", 0.7), Key("arms_crossed", 1.2))),
    "hold_head": Action((Key("hands_on_head", 0), Key("hands_on_head", 1.2))),
    "surrender": Action((Key("stand", 0), Key("hands_up", 0.6), Key("hands_up", 1.0))),
    "raise_arms": Action((Key("stand", 0), Key("arms_up", 0.6), Key("arms_wide", 0.6)), 2),
    "phone": Action((Key("phone", 0), Key("phone", 1.2))),
    "read": Action((Key("read", 0), Key("read", 1.2))),
    "point": Action((Key("stand", 0), Key("point", 0.4), Key("point", 0.8))),
    "wave": Action((Key("wave_in", 0), Key("wave_out", 0.28), Key("wave_in", 0.28)), 5),
    "clap": Action((Key("clap_open", 0), Key("clap_shut", 0.2), Key("clap_open", 0.2)), 6),
    "reach_up": Action((Key("stand", 0), Key("reach_up", 0.7), Key("reach_up", 0.4))),
    "reach_forward": Action((Key("stand", 0), Key("reach_forward", 0.7), Key("stand", 0.6))),
    "pick_up": Action((Key("stand", 0), Key("reach_floor", 0.9), Key("stand", 0.9))),
    "bow": Action((Key("stand", 0), Key("bow", 0.7), Key("stand", 0.7)), 2, hands_free=True),
    "crouch": Action(
        (Key("stand", 0), Key("crouch", 0.8), Key("crouch", 0.7), Key("stand", 0.8)),
        hands_free=True,
    ),
    "squat": Action((Key("stand", 0), Key("squat", 0.7), Key("stand", 0.6)), 3),
    "lunge": Action(
        (Key("stand", 0), Key("lunge", 0.6), Key("lunge", 0.5), Key("stand", 0.6)),
        hands_free=True,
    ),
    "kneel": Action(
        (Key("kneel_on_one", 0), Key("kneel", 0.8), Key("kneel", 0.6), Key("kneel_on_one", 0.8)),
        hands_free=True,
    ),
    "tie_shoe": Action((Key("tie_shoe", 0), Key("tie_shoe", 0.9), Key("kneel_on_one", 0.6))),
    "crawl": Action((Key("all_fours", 0), Key("all_fours", 0.7))),
    "push_up": Action((Key("plank", 0), Key("plank_low", 0.6), Key("plank", 0.5)), 4),
    "sit_down": Action(
        (Key("stand", 0), Key("crouch", 0.7), Key("sit_knees_up", 0.5), Key("sit_floor", 0.7))
    ),
    "sit": Action((Key("sit_knees_up", 0), Key("sit_knees_up", 0.9), Key("sit_floor", 0.8))),
    "sit_crossed": Action((Key("sit_crossed", 0), Key("sit_crossed", 1.2)), hands_free=True),
    "lie_back": Action((Key("lie_back", 0), Key("lie_knees_up", 0.9), Key("lie_back", 0.9))),
    "lie_side": Action((Key("lie_side", 0), Key("lie_side", 1.2))),
    "lie_front": Action((Key("lie_front", 0), Key("lie_front", 1.2))),
    "lie_down": Action(
        (Key("crouch", 0), Key("sit_knees_up", 0.5), Key("sit_floor", 0.6), Key("lie_back", 0.8))
    ),
    "balance": Action(
        (Key("stand", 0), Key("balance", 0.9), Key("balance", 0.6), Key("stand", 0.8))
    ),
    "knees_up": Action(_both_legs(Key("knee_up", 0.25), Key("stand", 0.25)), 4),
    "kick": Action(
        (Key("stand", 0), Key("kick_back", 0.35), Key("kick_high", 0.22), Key("stand", 0.4)), 2
    ),
    "kick_side": Action((Key("guard", 0), Key("kick_side", 0.35), Key("guard", 0.4)), 2),
    "punch": Action(
        (
            Key("guard", 0),
            Key("punch", 0.18),
            Key("guard", 0.22),
            Key("cross", 0.18),
            Key("guard", 0.25),
        ),
        3,
    ),
    "throw": Action(
        (
            Key("stand", 0),
            Key("throw_back", 0.5),
            Key("throw_release", 0.2),
            Key("throw_end", 0.2),
            Key("stand", 0.6),
        )
    ),
    "swing": Action((Key("swing_back", 0), Key("swing_through", 0.35), Key("swing_back", 0.6)), 2),
    "stretch": Action(
        (
            Key("stretch_side", 0),
            Key("stretch_side", 0.9, other_side=True),
            Key("stretch_side", 0.9),
        )
    ),
    "twist": Action((Key("twist_round", 0), Key("twist_round", 0.6, other_side=True)), 3),
    "dance": Action(
        (
            Key("dance_low", 0),
            Key("dance_high", 0.4),
            Key("dance_low", 0.4, other_side=True),
            Key("arms_up", 0.4),
        ),
        3,
    ),
    "jumping_jack": Action(
        (
            Key("stand", 0),
            Key("jack_open", 0.26, flight=True),
            Key("jack_open", 0.08),
            Key("stand", 0.26, flight=True),
            Key("stand", 0.08),
        ),
        4,
    ),
    "jump_tuck": Action(
        (*_JUMP, Key("tuck", 0.24, flight=True), Key("touch_down", 0.24, flight=True), *_LANDING)
    ),
    "jump_star": Action(
        (*_JUMP, Key("star", 0.24, flight=True), Key("touch_down", 0.24, flight=True), *_LANDING)
    ),
    "leap": Action(
        (*_JUMP, Key("split", 0.25, flight=True), Key("touch_down", 0.25, flight=True), *_LANDING)
    ),
    "cartwheel": Action(
        (
            Key("wheel_start", 0),
            Key("wheel_down", 0.55),
            Key("wheel_over", 0.4),
            Key("wheel_up", 0.4),
            Key("wheel_end", 0.55),
        )
    ),
    "handstand": Action(
        (
            Key("reach_floor", 0),
            Key("handstand_split", 0.6),
            Key("handstand", 0.5),
            Key("handstand", 0.7),
            Key("handstand_split", 0.5),
            Key("reach_floor", 0.6),
        )
    ),
    "spin": Action(
        (Key("stand", 0), Key("turn_quarter", 0.3), Key("turn_half", 0.24), Key("turn_whole", 0.3)),
        2,
    ),
    "walk": Action(
        _both_legs(
            Key("walk_contact", 0.12),
            Key("walk_loaded", 0.12),
            Key("walk_passing", 0.17),
            Key("walk_swing", 0.13),
        ),
        6,
        hands_free=True,
    ),
    "run": Action(
        _both_legs(
            Key("run_contact", 0.1, flight=True), Key("run_passing", 0.1), Key("run_push", 0.12)
        ),
        8,
    ),
    "sneak": Action(_both_legs(Key("sneak", 0.3), Key("sneak_passing", 0.35)), 4),
}
