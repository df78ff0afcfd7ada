import numpy as np
import pytest

from vidpose.datasets.chance import Chance
from vidpose.synth.film import Film, choose_film, develop
from vidpose.synth.presets import FilmMix

RNG = np.random.default_rng


def noise_picture(height: int = 40, width: int = 60) -> np.ndarray:
    return RNG(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_perfect_camera_changes_nothing() -> None:
    picture = noise_picture()
    np.testing.assert_array_equal(develop([picture], RNG(0), Film()), picture)
    np.testing.assert_array_equal(develop([picture] * 5, RNG(0), Film()), picture)


def test_blur_is_a_mean_of_light_and_not_of_grey_levels() -> None:
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    # Half the light of white is grey level 188 in sRGB.
    assert develop([black, white], RNG(0), Film())[0, 0, 0] == pytest.approx(188, abs=1)


def test_exposure_brightens_and_is_clipped() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert develop([grey], RNG(0), Film(exposure=1.5)).mean() > 110
    assert develop([grey], RNG(0), Film(exposure=100)).min() == 255


@pytest.mark.parametrize("radius", [0.3, 1.0, 4.0])
def test_defocus_spreads_a_point_over_its_disc_and_keeps_its_light(radius: float) -> None:
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[20, 20] = 255
    blurred = develop([picture], RNG(0), Film(defocus=radius)).astype(float)
    y, x = np.nonzero(blurred[..., 0])
    assert np.hypot(y - 20, x - 20).max() <= radius + 1
    flat = np.full((41, 41, 3), 130, np.uint8)
    np.testing.assert_allclose(develop([flat], RNG(0), Film(defocus=radius)), 130, atol=1)


def test_noise_has_the_asked_strength_and_repeats_with_its_seed() -> None:
    grey = np.full((200, 200, 3), 127, np.uint8)
    noisy = develop([grey], RNG(1), Film(noise=5))
    assert noisy.std() == pytest.approx(5, rel=0.05)
    np.testing.assert_array_equal(noisy, develop([grey], RNG(1), Film(noise=5)))
    assert (noisy != develop([grey], RNG(2), Film(noise=5))).any()


def test_compression_and_coarseness_keep_the_size_and_lose_detail() -> None:
    picture = noise_picture(41, 61)
    for film in (Film(quality=10), Film(coarse=3)):
        worse = develop([picture], RNG(0), film)
        assert worse.shape == picture.shape
        assert worse.dtype == np.uint8
        assert np.abs(worse.astype(float) - picture).mean() > 10


def test_colours_stay_in_their_channels() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    shown = develop([red], RNG(0), Film(quality=95, coarse=2, defocus=1))
    assert shown[16, 16, 0] > 180
    assert shown[16, 16, 2] < 20


def test_what_is_off_is_not_drawn() -> None:
    mix = FilmMix(shutter=(0.4, 0.4), exposure=(1, 1), defocus=None, noise=None, quality=None)
    assert choose_film(RNG(0), mix) == Film(shutter=0.4)
    mix = FilmMix(quality=Chance(probability=1, range=(50, 50)))
    assert choose_film(RNG(0), mix).quality == 50
