"""A scene: who does what where, seen from where; all of it a function of one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from vidpose.synth.backgrounds import Backdrop
from vidpose.synth.camera_moves import CameraMove, choose_shot, move
from vidpose.synth.cast import Wardrobe
from vidpose.synth.figure import Figure
from vidpose.synth.film import Film, choose_film, develop
from vidpose.synth.occluders import Occluder, in_the_way
from vidpose.synth.paths import Way
from vidpose.synth.presets import Preset
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.staging import stage
from vidpose.synth.state import Camera, Light, Moment

# Each of these is drawn from numbers of its own, so that a change of one leaves the others.
_CAST, _MOTION, _SHOT, _STAGE, _MOVE, _OBSTACLES, _LIGHT, _FILM, _BACKDROP, _GRAIN = range(10)


@dataclass(frozen=True, eq=False)
class Scene:
    """A moving scene; `sample_scene` makes one.

    Attributes:
        seed: What it was made from.
        preset: Likewise.
        fps: Frames a second.
        cast: Who plays; the position is the track id.
        ways: What each does and where.
        camera: From where.
        occluders: What is in the way.
        light: Of the whole scene.
        film: What becomes of the pictures.
        backdrop: What is behind.
    """

    seed: int
    preset: Preset
    fps: int
    cast: tuple[Figure, ...]
    ways: tuple[Way, ...]
    camera: CameraMove
    occluders: tuple[Occluder, ...]
    light: Light
    film: Film
    backdrop: Backdrop

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        return self.preset.size

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.preset.frames

    def moments(self, frame: int, subframes: int = 1) -> list[Moment]:
        """What is seen while the shutter is open, at evenly spaced times.

        With one sub-frame it is the middle of that time, which is what labels are for.

        Args:
            frame: 0 is the first.
            subframes: At least one.
        """
        seconds = self._times(frame, subframes)
        cameras = self.camera.at(seconds)
        people = zip(*(way.at(seconds, row) for row, way in enumerate(self.ways)), strict=True)
        return [
            Moment(camera, tuple(persons), self.light, tuple(o.at(time) for o in self.occluders))
            for time, camera, persons in zip(seconds.tolist(), cameras, people, strict=True)
        ]

    def background(self, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """What is behind all in the middle of a frame.

        Raises:
            VidposeError: The file of the backdrop cannot be read.
        """
        return self.backgrounds(frame, 1)[0]

    def backgrounds(self, frame: int, subframes: int) -> list[UInt8[np.ndarray, "h w 3"]]:
        """What is behind all at the times of `moments`.

        Raises:
            VidposeError: The file of the backdrop cannot be read.
        """
        seconds = self._times(frame, subframes)
        cameras = self.camera.at(seconds)
        return [
            self.backdrop.view(camera, time)
            for time, camera in zip(seconds.tolist(), cameras, strict=True)
        ]

    def develop(
        self, frame: int, subframes: Sequence[UInt8[np.ndarray, "h w 3"]]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The frame as the scene's camera writes it to a file.

        Args:
            frame: 0 is the first.
            subframes: Pictures of its `moments`.
        """
        return develop(subframes, _rng(self.seed, _GRAIN, frame), self.film)

    def _times(self, frame: int, subframes: int) -> Float[np.ndarray, " time"]:
        if not 0 <= frame < self.frames:
            raise IndexError(f"frame {frame} of a scene of {self.frames}")
        open_at = (np.arange(subframes) + 0.5) / subframes - 0.5
        # One frame later than zero, for the shutter of the first opens before it.
        return (frame + 1 + open_at * self.film.shutter) / self.fps


def sample_scene(
    seed: int,
    preset: Preset,
    wardrobe: Wardrobe,
    repertoire: Repertoire,
    pictures: Sequence[Path] = (),
    footage: Sequence[Path] = (),
) -> Scene:
    """Makes up a scene; the same arguments give the same one on every machine.

    Args:
        seed: At least 0.
        preset: What it may look like.
        wardrobe: Whom it may show.
        repertoire: What they may do.
        pictures: Backgrounds; without any of these or of ``footage`` they are painted.
        footage: Videos for backgrounds.

    Raises:
        VidposeError: The wardrobe cannot dress anybody.
    """
    rng = _rng(seed, _CAST)
    count = int(rng.integers(preset.staging.people[0], preset.staging.people[1] + 1))
    cast = wardrobe.choose(rng, count)
    fps = int(_rng(seed, _FILM).integers(preset.fps[0], preset.fps[1] + 1))
    # A frame more at both ends, for shutters that are open then.
    seconds = (preset.frames + 1) / fps
    motions = [
        (figure, repertoire.draw(_rng(seed, _MOTION, row), preset.motion, seconds))
        for row, figure in enumerate(cast)
    ]
    shot = choose_shot(_rng(seed, _SHOT), preset.camera, preset.size, cast[0].height)
    bend = np.radians(preset.motion.bend)
    ways = stage(_rng(seed, _STAGE), preset.staging, shot, motions, bend)
    camera = move(_rng(seed, _MOVE), preset.camera, shot, ways[0].places)
    film = choose_film(_rng(seed, _FILM, 1), preset.film)
    backdrop_rng = _rng(seed, _BACKDROP)
    return Scene(
        seed=seed,
        preset=preset,
        fps=fps,
        cast=cast,
        ways=ways,
        camera=camera,
        occluders=_occluders(_rng(seed, _OBSTACLES), preset, camera, cast, ways, seconds),
        light=_light(_rng(seed, _LIGHT)),
        film=film,
        backdrop=_backdrop(
            backdrop_rng, preset, pictures, footage, camera.at(np.array([seconds / 2]))[0], seconds
        ),
    )


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(list(numbers))


def _occluders(
    rng: np.random.Generator,
    preset: Preset,
    camera: CameraMove,
    cast: Sequence[Figure],
    ways: Sequence[Way],
    seconds: float,
) -> tuple[Occluder, ...]:
    mix = preset.obstacles
    found = []
    for _ in range(int(rng.integers(mix.count[0], mix.count[1] + 1))):
        row = int(rng.integers(len(ways)))
        meets = np.array([rng.uniform(0.1, 0.9) * seconds])
        person = ways[row].at(meets, row)[0].midhip
        lens = camera.at(meets)[0]
        found.append(in_the_way(rng, mix, lens, person, cast[row].height, float(meets[0])))
    return tuple(found)


def _light(rng: np.random.Generator) -> Light:
    east, rise = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(20, 80))
    direction = np.array([np.cos(east) * np.cos(rise), np.sin(east) * np.cos(rise), np.sin(rise)])
    warmth = rng.normal(0, 0.06)
    colour = rng.uniform(0.75, 1.15) * np.array([1 + warmth, 1.0, 1 - warmth])
    ambient = rng.uniform(0.3, 0.65) * np.array([1 - warmth / 2, 1.0, 1 + warmth / 2])
    return Light(direction, colour, ambient)


def _backdrop(
    rng: np.random.Generator,
    preset: Preset,
    pictures: Sequence[Path],
    footage: Sequence[Path],
    camera: Camera,
    seconds: float,
) -> Backdrop:
    films = bool(footage) and (not pictures or rng.random() < preset.footage)
    files = footage if films else pictures
    angle = rng.uniform(-np.pi, np.pi)
    speed = rng.uniform(*preset.backdrop_speed)
    return Backdrop(
        source=files[int(rng.integers(len(files)))] if files else None,
        footage=films,
        seed=int(rng.integers(2**31)),
        start=float(rng.random()),
        seconds=seconds,
        cover=float(rng.uniform(1.05, 1.6)),
        offset=np.array([rng.uniform(0.4, 0.6), rng.uniform(0.45, 0.55)]),
        drift=speed * np.array([np.cos(angle), 0.3 * np.sin(angle)]),
        reference=camera,
        distance=float(rng.uniform(12, 30)),
    )
