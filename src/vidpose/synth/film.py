"""From light to a picture in a file: exposure, lens, sensor and compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from vidpose.datasets.chance import Chance
from vidpose.image_files import through_jpeg
from vidpose.synth.presets import FilmMix

Picture = UInt8[np.ndarray, "h w 3"]
# Grey levels of sRGB are told apart by this many steps of light.
_STEPS = 16384


@dataclass(frozen=True)
class Film:
    """The camera of one scene.

    Attributes:
        shutter: Part of the time between frames during which it is open.
        defocus: Radius in pixels of the disc that a point becomes; 0 is sharp.
        noise: Standard deviation in grey levels of a mid-grey pixel.
        exposure: Factor on the light.
        coarse: Factor by which the file has fewer pixels a side, at least 1.
        quality: Of JPEG, 1 to 100; None leaves the picture as it is.
    """

    shutter: float = 0.0
    defocus: float = 0.0
    noise: float = 0.0
    exposure: float = 1.0
    coarse: float = 1.0
    quality: int | None = None


def choose_film(rng: np.random.Generator, mix: FilmMix) -> Film:
    """A camera for one scene."""
    quality = _strength(rng, mix.quality, 0)
    return Film(
        shutter=float(rng.uniform(*mix.shutter)),
        exposure=float(rng.uniform(*mix.exposure)),
        defocus=_strength(rng, mix.defocus, 0),
        noise=_strength(rng, mix.noise, 0),
        coarse=_strength(rng, mix.coarse, 1),
        quality=round(quality) or None,
    )


def develop(subframes: Sequence[Picture], rng: np.random.Generator, film: Film) -> Picture:
    """The picture that a camera makes of what is seen while its shutter is open.

    Blur by movement and blur by the lens are sums of light, so both happen in linear light.

    Args:
        subframes: At least one; evenly over the time of exposure.
        rng: Where the noise is drawn from.
        film: What camera.
    """
    light = np.asarray(sum(_decode_table()[picture] for picture in subframes)) / len(subframes)
    if film.defocus > 0:
        disc = _disc(film.defocus)
        light = np.asarray(cv2.filter2D(light, -1, disc, borderType=cv2.BORDER_REFLECT))
    height, width = light.shape[:2]
    if film.coarse > 1:
        small = max(round(width / film.coarse), 1), max(round(height / film.coarse), 1)
        light = np.asarray(cv2.resize(light, small, interpolation=cv2.INTER_AREA))
    if film.exposure != 1:
        light = light * np.float32(film.exposure)
    picture = _encode_table()[np.clip(light * _STEPS + 0.5, 0, _STEPS).astype(np.int32)]
    if film.noise > 0:
        picture = _noisy(picture, rng, film.noise)
    picture = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    if film.quality is not None:
        picture = through_jpeg(picture, film.quality)
    if film.coarse > 1:
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))
    return picture


def _strength(rng: np.random.Generator, chance: Chance | None, otherwise: float) -> float:
    drawn = None if chance is None else chance.draw(rng)
    return otherwise if drawn is None else float(drawn[0])


@lru_cache(maxsize=1)
def _decode_table() -> Float[np.ndarray, "256"]:
    """Light in [0, 1] of each grey level (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


@lru_cache(maxsize=1)
def _encode_table() -> Float[np.ndarray, " step"]:
    """Grey level of each step of light; the inverse of `_decode_table`."""
    light = np.arange(_STEPS + 1) / _STEPS
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * level).astype(np.float32)


def _disc(radius: float) -> Float[np.ndarray, "k k"]:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(inside / inside.sum(), dtype=np.float32)


def _noisy(
    picture: Float[np.ndarray, "h w 3"], rng: np.random.Generator, sigma: float
) -> Float[np.ndarray, "h w 3"]:
    """Noise that grows as the light fades, as it does after the sRGB curve."""
    grain = rng.standard_normal(picture.shape, dtype=np.float32)
    strength = sigma * (1.4 - 0.8 * picture / 255)
    return picture + grain * strength
