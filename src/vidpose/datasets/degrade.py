"""Pictures made worse, as lenses, sensors and codecs do it; all of it optional.

What is one thing in nature is drawn once a clip (light, a codec's setting), what changes from frame
to frame for each frame (blur, the noise itself).
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from jaxtyping import Float, Int

from vidpose.datasets.chance import Chance, Probability, within
from vidpose.datasets.colour import (
    Frames,
    apply_gamma,
    hue_matrix,
    recolour,
    saturation_matrix,
)
from vidpose.datasets.occlude import Occluders, occlude
from vidpose.image_files import through_jpeg
from vidpose.section import Section


class Degradations(Section):
    """Which degradations a clip may get; what is not given is off.

    Attributes:
        occluders: Things that move in front of the person.
        gaussian_blur: Standard deviation in pixels of the crop, in [0, 100].
        motion_blur: Length in pixels of the crop, in [1, 100]; one direction a clip.
        brightness: Added to all channels, in parts of the full range, in [-1, 1].
        contrast: Factor on the distance from the clip's mean grey, in [0, 10].
        saturation: Factor on the distance of a pixel from its own grey, in [0, 10].
        hue: Turn of all colours about the grey axis, in degrees, in [-180, 180].
        grayscale: Probability of losing all colour.
        gamma: Exponent on intensities in [0, 1], in [0.01, 100]; above 1 darkens.
        noise: Standard deviation of Gaussian noise in grey levels, in [0, 255].
        downscale: Factor by which the resolution falls, in [1, 100].
        jpeg: Quality in [1, 100].
    """

    occluders: Occluders | None = None
    gaussian_blur: Annotated[Chance, within(0, 100)] | None = None
    motion_blur: Annotated[Chance, within(1, 100)] | None = None
    brightness: Annotated[Chance, within(-1, 1)] | None = None
    contrast: Annotated[Chance, within(0, 10)] | None = None
    saturation: Annotated[Chance, within(0, 10)] | None = None
    hue: Annotated[Chance, within(-180, 180)] | None = None
    grayscale: Probability = 0.0
    gamma: Annotated[Chance, within(0.01, 100)] | None = None
    noise: Annotated[Chance, within(0, 255)] | None = None
    downscale: Annotated[Chance, within(1, 100)] | None = None
    jpeg: Annotated[Chance, within(1, 100)] | None = None


def degrade(
    frames: Frames, times: Int[np.ndarray, " frame"], config: Degradations, rng: np.random.Generator
) -> Frames:
    """A clip with what is drawn for it, in a picture's order: scene, lens, sensor, file.

    Args:
        frames: Crops of one clip, RGB uint8; left as they are.
        times: When each was taken, in frames from the key frame; occluders move by it.
        config: What may happen.
        rng: Where it is drawn from.
    """
    if config.occluders is not None and rng.random() < config.occluders.probability:
        frames = occlude(frames, times, config.occluders, rng)
    if (sigmas := _draw(config.gaussian_blur, rng, len(frames))) is not None:
        frames = gaussian_blur(frames, sigmas)
    if (lengths := _draw(config.motion_blur, rng, len(frames))) is not None:
        frames = motion_blur(frames, lengths, rng.uniform(0, np.pi))
    frames = _colour(frames, config, rng)
    if (sigmas := _draw(config.noise, rng)) is not None:
        frames = add_noise(frames, float(sigmas[0]), rng)
    if (factors := _draw(config.downscale, rng)) is not None:
        frames = downscale(frames, float(factors[0]))
    if (qualities := _draw(config.jpeg, rng)) is not None:
        frames = jpeg(frames, round(qualities[0]))
    return frames


def gaussian_blur(frames: Frames, sigmas: Float[np.ndarray, " frame"]) -> Frames:
    """Each frame out of focus by its own standard deviation in pixels."""
    blurred = np.empty_like(frames)
    for frame, sigma, out in zip(frames, sigmas, blurred, strict=True):
        # A deviation of 0 would make OpenCV choose one.
        cv2.GaussianBlur(frame, (0, 0), max(float(sigma), 1e-3), dst=out)
    return blurred


def motion_blur(frames: Frames, lengths: Float[np.ndarray, " frame"], angle: float) -> Frames:
    """Each frame smeared along a line of its own length in pixels, ``angle`` radians from x."""
    blurred = np.empty_like(frames)
    for frame, length, out in zip(frames, lengths, blurred, strict=True):
        reach = int(np.ceil(length / 2))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        along = np.abs(x * np.cos(angle) + y * np.sin(angle))
        across = np.abs(y * np.cos(angle) - x * np.sin(angle))
        line = np.clip((length + 1) / 2 - along, 0, 1) * np.clip(1 - across, 0, 1)
        cv2.filter2D(frame, -1, line / line.sum(), dst=out)
    return blurred


def add_noise(frames: Frames, sigma: float, rng: np.random.Generator) -> Frames:
    """Gaussian noise of ``sigma`` grey levels, independent in every pixel and frame."""
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    noise *= sigma
    noise += frames
    return np.rint(np.clip(noise, 0, 255)).astype(np.uint8)


def downscale(frames: Frames, factor: float) -> Frames:
    """The frames as from ``factor`` times fewer pixels a side, in their old size."""
    height, width = frames.shape[1:3]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    coarse = np.empty_like(frames)
    for frame, out in zip(frames, coarse, strict=True):
        less = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        cv2.resize(less, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    return coarse


def jpeg(frames: Frames, quality: int) -> Frames:
    """The frames after JPEG compression, each for itself."""
    compressed = np.empty_like(frames)
    for frame, out in zip(frames, compressed, strict=True):
        out[:] = through_jpeg(frame, quality)
    return compressed


def _colour(frames: Frames, config: Degradations, rng: np.random.Generator) -> Frames:
    brightness = _factor(config.brightness, rng, 0.0)
    contrast = _factor(config.contrast, rng, 1.0)
    saturation = _factor(config.saturation, rng, 1.0)
    hue = _factor(config.hue, rng, 0.0)
    gamma = _factor(config.gamma, rng, 1.0)
    if rng.random() < config.grayscale:
        saturation = 0.0
    if (brightness, contrast, saturation, hue) != (0.0, 1.0, 1.0, 0.0):
        matrix = hue_matrix(hue) @ saturation_matrix(saturation)
        frames = recolour(frames, matrix, contrast, brightness)
    return apply_gamma(frames, gamma) if gamma != 1.0 else frames


def _factor(chance: Chance | None, rng: np.random.Generator, neutral: float) -> float:
    drawn = _draw(chance, rng)
    return neutral if drawn is None else float(drawn[0])


def _draw(
    chance: Chance | None, rng: np.random.Generator, count: int = 1
) -> Float[np.ndarray, " count"] | None:
    return None if chance is None else chance.draw(rng, count)
