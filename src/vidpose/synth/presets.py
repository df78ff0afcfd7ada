"""What scenes may look like. Ranges are drawn from once a scene unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vidpose.datasets.chance import Chance, Interval, Probability, ordered, within
from vidpose.errors import VidposeError
from vidpose.section import Section
from vidpose.synth.actions import ACTIONS

# What nobody does in any preset: these are kept for `bench`.
HELD_OUT_ACTIONS = (
    "crouch", "jump_star", "kick_side", "lie_front", "lie_side", "lunge", "reach_forward", "read",
    "sit_crossed", "sneak", "spin", "swing", "tie_shoe", "twist",
)  # fmt: skip
_ACTIONS = tuple(name for name in ACTIONS if name not in HELD_OUT_ACTIONS)


def _known(actions: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in actions if name not in ACTIONS]:
        raise ValueError(f"there is no action {unknown[0]!r}; there are {', '.join(ACTIONS)}")
    return actions


# More than 8K film; beyond it memory ends first.
Side = Annotated[int, Field(ge=32, le=8192)]
Positive = Annotated[tuple[Annotated[float, Field(gt=0)], float], ordered]
Most = Annotated[int, Field(le=60)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0)], Most], ordered]
AtLeastOne = Annotated[tuple[Annotated[int, Field(ge=1)], Most], ordered]


class MotionMix(Section):
    """What people do; every stretch of a few seconds is drawn anew.

    Attributes:
        captured: Weight of captured motion; without any capture the rest shares it.
        performed: Weight of actions.
        mixed: Weight of captured motion with the arms of an action.
        actions: Which of `actions.ACTIONS`; all but `HELD_OUT_ACTIONS` as default.
        pace: How much faster than natural.
        bend: Most that a walker's way may bend, degrees a metre, to either side.
    """

    captured: float = Field(default=0.35, ge=0)
    performed: float = Field(default=0.5, ge=0)
    mixed: float = Field(default=0.15, ge=0)
    actions: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known)] = _ACTIONS
    pace: Positive = (0.8, 1.25)
    bend: float = Field(default=12.0, ge=0)


class CameraMix(Section):
    """Where the picture is taken from, and how the camera moves.

    Attributes:
        person_px: Height in pixels of a standing person in the middle of the group.
        view: Vertical field of view in degrees.
        height: Of the camera above the ground, metres.
        close_up: Part of the scenes that come so near that bodies are cut.
        close_up_px: The same as ``person_px`` for those.
        follow: Part of the scenes in which the camera keeps to one of the people.
        pan: Degrees a second, to either side.
        zoom: Factor on the focal length from the first frame to the last, either way.
        dolly: Metres a second, in any direction.
        shake: Standard deviation in degrees of the trembling of a hand-held camera.
        roll: Standard deviation in degrees of a camera held not quite level.
    """

    person_px: Positive = (90, 240)
    view: Positive = (22, 55)
    height: Interval = (0.7, 2.4)
    close_up: Probability = 0.15
    close_up_px: Positive = (310, 560)
    follow: Probability = 0.5
    pan: Interval = (0, 5)
    zoom: Positive = (1, 1.25)
    dolly: Interval = (0, 0.3)
    shake: Interval = (0, 0.25)
    roll: float = Field(default=1.5, ge=0)


class Staging(Section):
    """Where people are.

    Attributes:
        people: Fewest and most of a scene.
        crossing: Part of the people after the first who pass in front of or behind another.
        gap: Metres in depth between two who pass each other.
        depth: Others stand nearer or farther than the middle by up to this part of its distance.
        profile: Part of the people who are seen from the side when they are in the middle.
    """

    people: AtLeastOne = (1, 6)
    crossing: Probability = 0.5
    gap: Interval = (0.6, 1.4)
    depth: float = Field(default=0.3, ge=0, lt=0.9)
    profile: Probability = 0.3


class Obstacles(Section):
    """Things between the camera and people.

    Attributes:
        count: Fewest and most of a scene.
        kinds: Which.
        cover: Width in parts of the height of the person whom each passes.
        speed: Metres a second across, at the person's distance; each stands still half of the time.
    """

    count: Counts = (0, 2)
    kinds: Annotated[
        tuple[Literal["pole", "board", "crate", "ball", "leaves"], ...], Field(min_length=1)
    ] = ("pole", "board", "crate", "ball", "leaves")
    cover: Positive = (0.12, 0.4)
    speed: Interval = (0.3, 2.0)


class FilmMix(Section):
    """How the camera turns light into a file.

    Attributes:
        shutter: Part of the time between two frames during which it is open.
        subframes: Moments rendered for each frame; their mean is the blurred frame.
        defocus: Radius in pixels of the disc that a point becomes.
        noise: Standard deviation in grey levels of a mid-grey pixel.
        exposure: Factor on the light.
        coarse: Factor by which the file has fewer pixels than the picture that is made of it.
        quality: Of JPEG, 1 to 100.
    """

    shutter: Interval = (0.1, 0.5)
    subframes: int = Field(default=3, ge=1)
    defocus: Annotated[Chance, within(0, 100)] | None = Chance(probability=0.2, range=(0.5, 2.0))
    noise: Annotated[Chance, within(0, 255)] | None = Chance(probability=0.7, range=(0.5, 6))
    exposure: Positive = (0.75, 1.3)
    coarse: Annotated[Chance, within(1, 100)] | None = None
    quality: Annotated[Chance, within(1, 100)] | None = Chance(probability=0.7, range=(40, 95))


class Preset(Section):
    """A kind of scene.

    Attributes:
        size: Height and width of the picture in pixels, 32 to 8192 each.
        frames: Of each scene.
        fps: Frames a second.
        motion: What people do.
        staging: How many there are and where.
        camera: Where from.
        obstacles: What is in the way.
        film: What becomes of the picture.
        backdrop_speed: Pixels a second by which the background moves of its own.
        footage: Part of the scenes in front of a video, where videos are given.
    """

    size: tuple[Side, Side] = (288, 384)
    frames: int = Field(default=32, ge=1)
    fps: AtLeastOne = (15, 30)
    motion: MotionMix = MotionMix()
    staging: Staging = Staging()
    camera: CameraMix = CameraMix()
    obstacles: Obstacles = Obstacles()
    film: FilmMix = FilmMix()
    backdrop_speed: Interval = (0, 10)
    footage: Probability = 0.3


# Limbs before and behind the body.
_FOLDED = (
    "squat", "kneel", "crawl", "push_up", "sit", "sit_down", "lie_back", "cross_arms",
    "hold_behind", "bow", "pick_up",
)  # fmt: skip
_FAST = (
    "kick", "punch", "throw", "jumping_jack", "jump_tuck", "leap", "cartwheel", "run", "dance",
    "wave", "knees_up", "clap",
)  # fmt: skip
# Across the ground, so that people pass each other.
_GOING = ("walk", "run")
# What is seldom seen and hard for other reasons than the picture.
_ACROBATIC = ("cartwheel", "handstand", "lie_back", "lie_down", "crawl", "push_up")
_STILL = CameraMix(
    person_px=(170, 300), close_up=0, pan=(0, 2), zoom=(1, 1.1), dolly=(0, 0.1), shake=(0, 0.05)
)
_SHARP = FilmMix(
    shutter=(0.1, 0.1), subframes=1, defocus=None, exposure=(0.9, 1.1),
    noise=Chance(probability=1, range=(0.5, 1.5)), quality=Chance(probability=1, range=(90, 95)),
)  # fmt: skip
_NOTHING = Obstacles(count=(0, 0))
# One thing after another is made hard; all else is as here.
_CLEAN = Preset(
    size=(384, 512),
    motion=MotionMix(actions=tuple(name for name in _ACTIONS if name not in _ACROBATIC)),
    staging=Staging(people=(1, 2), crossing=0, depth=0.15),
    camera=_STILL,
    obstacles=_NOTHING,
    film=_SHARP,
    backdrop_speed=(0, 0),
    footage=0,
)


def _with(base: Preset, **changes: object) -> Preset:
    return Preset(**(dict(base) | changes))


def _film(**changes: object) -> FilmMix:
    return FilmMix(**(dict(_SHARP) | changes))


def _camera(**changes: object) -> CameraMix:
    return CameraMix(**(dict(_STILL) | changes))


PRESETS: Mapping[str, Preset] = {
    "default": Preset(),
    "clean": _CLEAN,
    "motion-blur": _with(
        _CLEAN,
        motion=MotionMix(captured=0.1, performed=0.9, mixed=0, actions=_FAST, pace=(1.2, 1.7)),
        camera=_camera(pan=(5, 14), shake=(0.2, 0.6), follow=0.8),
        film=_film(shutter=(0.8, 1.0), subframes=8),
        fps=(15, 20),
    ),
    "defocus": _with(_CLEAN, film=_film(defocus=Chance(probability=1, range=(4.0, 7.0)))),
    "self-occlusion": _with(
        _CLEAN,
        motion=MotionMix(captured=0, performed=1, mixed=0, actions=_FOLDED),
        staging=Staging(people=(1, 2), crossing=0, depth=0.15, profile=0.7),
        camera=_camera(height=(0.3, 1.0)),
    ),
    "occlusion-by-people": _with(
        _CLEAN,
        motion=MotionMix(captured=0.5, performed=0.5, mixed=0, actions=_GOING),
        staging=Staging(people=(2, 3), crossing=0.75, gap=(0.55, 1.1), depth=0.15),
    ),
    "occluders": _with(_CLEAN, obstacles=Obstacles(count=(2, 4), cover=(0.2, 0.5))),
    "truncated": _with(_CLEAN, camera=_camera(close_up=1, close_up_px=(410, 740), follow=0.8)),
    "low-resolution": _with(
        _CLEAN,
        camera=_camera(person_px=(48, 80)),
        staging=Staging(people=(1, 3), crossing=0.2, depth=0.15),
        film=_film(quality=Chance(probability=1, range=(45, 75))),
    ),
    "fast-motion": _with(
        _CLEAN,
        motion=MotionMix(captured=0.1, performed=0.9, mixed=0, actions=_FAST, pace=(1.3, 1.8)),
        film=_film(shutter=(0.3, 0.6), subframes=4),
        fps=(12, 15),
    ),
    "moving-background": _with(
        _CLEAN,
        camera=_camera(pan=(4, 10), zoom=(1.1, 1.5), dolly=(0.3, 0.8), shake=(0.2, 0.5), follow=1),
        backdrop_speed=(20, 80),
        footage=0.7,
    ),
    "crowd": _with(
        _CLEAN,
        staging=Staging(people=(5, 8), crossing=0.4, gap=(0.6, 1.6), depth=0.4),
        camera=_camera(person_px=(130, 220)),
    ),
}


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        VidposeError: There is none.
    """
    if name not in PRESETS:
        raise VidposeError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
