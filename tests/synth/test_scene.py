import hashlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from synth_stage import skin

from vidpose.errors import VidposeError
from vidpose.synth import joint_angles, rig
from vidpose.synth.captured import read_capture
from vidpose.synth.cast import KitWardrobe, PlainWardrobe
from vidpose.synth.kit import Kit
from vidpose.synth.presets import (
    PRESETS,
    CameraMix,
    MotionMix,
    Obstacles,
    Preset,
    Staging,
    find_preset,
)
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.scene import Scene, sample_scene
from vidpose.synth.staging import _TOUCH

seeds = st.integers(0, 2**31)
names = st.sampled_from(sorted(PRESETS))


def sample(seed: int, preset: str = "default") -> Scene:
    return sample_scene(seed, PRESETS[preset], PlainWardrobe(), Repertoire())


def fingerprint(scene: Scene) -> str:
    """Of all that a scene shows, but for its figures' looks."""
    digest = hashlib.sha256()
    for frame in (0, scene.frames - 1):
        for moment in scene.moments(frame, 2):
            digest.update(pickle.dumps([moment.camera.position, moment.camera.rotation]))
            digest.update(pickle.dumps([moment.camera.focal, moment.light.direction]))
            for person in moment.people:
                digest.update(person.rotations.tobytes() + person.midhip.tobytes())
            for solid in moment.solids:
                digest.update(solid.vertices.tobytes() + solid.colours.tobytes())
        digest.update(scene.develop(frame, [scene.background(frame)]).tobytes())
    digest.update(" ".join(figure.name for figure in scene.cast).encode())
    return digest.hexdigest()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_scene import fingerprint, sample
print(fingerprint(sample(11)), fingerprint(sample(12, "crowd")))
"""


def test_two_processes_make_the_same_scene() -> None:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    seen = {
        subprocess.run(
            command, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
        ).stdout.strip()
        for seed in (1, 2)
    }  # fmt: skip
    assert seen == {f"{fingerprint(sample(11))} {fingerprint(sample(12, 'crowd'))}"}
    assert fingerprint(sample(11)) != fingerprint(sample(12))


def test_moments_do_not_depend_on_what_was_asked_before() -> None:
    scene = sample(4)
    before = scene.moments(7, 3)[1]
    scene.moments(0)
    after, alone = scene.moments(7, 3)[1], scene.moments(7)[0]
    for other in (after, alone):
        np.testing.assert_allclose(before.people[0].midhip, other.people[0].midhip, atol=1e-12)
        np.testing.assert_allclose(before.camera.rotation, other.camera.rotation, atol=1e-12)


def test_frames_outside_the_scene_are_an_error() -> None:
    scene = sample(0)
    for frame in (-1, scene.frames):
        with pytest.raises(IndexError):
            scene.moments(frame)


def test_one_frame_makes_a_scene() -> None:
    scene = sample_scene(0, Preset(frames=1), PlainWardrobe(), Repertoire())
    assert len(scene.moments(0, 4)) == 4
    assert scene.background(0).shape == (*scene.size, 3)


@given(names, seeds)
@settings(max_examples=12)
def test_people_keep_their_ids_and_nobody_teleports(preset: str, seed: int) -> None:
    scene = sample(seed, preset)
    people = [scene.moments(frame)[0].people for frame in range(scene.frames)]
    assert {tuple(p.track_id for p in persons) for persons in people} == {
        tuple(range(len(scene.cast)))
    }
    hips = np.array([[p.midhip for p in persons] for persons in people])
    speed = np.linalg.norm(np.diff(hips, axis=0), axis=-1) * scene.fps
    assert speed.max() < 10  # m/s; a sprinter
    turned = np.array([[p.rotations for p in persons] for persons in people])
    assert joint_angles.hinges(turned).min() > -6


@given(names, seeds)
@settings(max_examples=12)
def test_the_lowest_point_of_everybody_is_on_the_ground_or_in_flight(
    preset: str, seed: int
) -> None:
    scene = sample(seed, preset)
    for frame in range(0, scene.frames, 10):
        seconds = scene._times(frame, 1)
        for person in scene.moments(frame)[0].people:
            figure, way = scene.cast[person.track_id], scene.ways[person.track_id]
            lowest = skin(figure, figure.pose(person))[:, 2].min()
            flight = np.interp(seconds[0] * 30, np.arange(len(way.motion)), way.motion.lift)
            assert abs(lowest - flight * way.leg_length) < 0.03


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_people_are_in_the_picture_and_as_large_as_promised(preset: str) -> None:
    mix = PRESETS[preset].camera
    inside, sizes = [], []
    for seed in range(5):
        scene = sample(seed, preset)
        for frame in range(0, scene.frames, 8):
            moment = scene.moments(frame)[0]
            for person in moment.people:
                figure = scene.cast[person.track_id]
                body = rig.heads(person.rotations) * figure.leg_length + person.midhip
                xy, depth = moment.camera.project(body)
                seen = (depth > 0.5) & (xy > 0).all(axis=1) & (xy < scene.size[::-1]).all(axis=1)
                inside.append(seen.mean() > 0.2)
                sizes.append(moment.camera.focal * figure.height / depth[0])
    assert np.mean(inside) > (0.8 if mix.close_up == 1 else 0.95)
    low, high = mix.close_up_px if mix.close_up == 1 else mix.person_px
    assert 0.6 * low < np.median(sizes) < 1.4 * high


def test_people_pass_before_each_other_where_the_preset_promises_it() -> None:
    passed = []
    for seed in range(8):
        scene = sample(seed, "occlusion-by-people")
        closest = np.inf
        for frame in range(0, scene.frames, 2):
            moment = scene.moments(frame)[0]
            xy, depth = moment.camera.project(np.array([p.midhip for p in moment.people]))
            for a in range(len(xy)):
                for b in range(a):
                    width = 0.35 * moment.camera.focal / min(depth[a], depth[b])
                    closest = min(closest, abs(xy[a, 0] - xy[b, 0]) / width)
        passed.append(closest < 1)
    assert np.mean(passed) > 0.9


def test_people_seldom_walk_through_each_other() -> None:
    gaps = []
    for seed in range(12):
        ways = sample(seed, "occlusion-by-people").ways
        places = np.array([way.places for way in ways])
        gaps += [
            np.linalg.norm(places[a] - places[b], axis=-1).min()
            for a in range(len(ways))
            for b in range(a)
        ]
    assert np.percentile(gaps, 20) > 0.6 * _TOUCH


def test_occluders_come_between_the_camera_and_somebody() -> None:
    hidden = 0
    for seed in range(8):
        scene = sample(seed, "occluders")
        assert 2 <= len(scene.occluders) <= 4
        for occluder in scene.occluders:
            frame = int(np.clip(occluder.meets * scene.fps - 1, 0, scene.frames - 1))
            moment = scene.moments(frame)[0]
            solid, depth = moment.camera.project(occluder.at(float(occluder.meets)).vertices)
            low, high = solid.min(axis=0), solid.max(axis=0)
            for person in moment.people:
                xy, far = moment.camera.project(person.midhip)
                near = (low - 60 < xy).all() and (xy < high + 60).all()
                hidden += bool(near and 0 < depth.min() < far)
                break
    assert hidden > 8


def test_slices_change_one_thing_and_leave_the_people() -> None:
    clean, blurred = sample(5, "clean"), sample(5, "defocus")
    np.testing.assert_array_equal(
        clean.moments(3)[0].people[0].rotations, blurred.moments(3)[0].people[0].rotations
    )
    assert clean.film.defocus == 0
    assert blurred.film.defocus > 2


def test_a_scene_is_made_and_moved_within_20_ms_a_frame() -> None:
    sample(0)
    for preset in PRESETS:
        times = []
        for _ in range(2):
            start = time.process_time()
            scene = sample(1, preset)
            made = time.process_time()
            for frame in range(0, scene.frames, 4):
                scene.moments(frame)
            moved = time.process_time()
            times.append((made - start) / scene.frames + (moved - made) / (scene.frames / 4))
        # The better of two: another program may have taken the cache.
        assert min(times) < 0.02, preset


def test_presets_refuse_what_they_do_not_know() -> None:
    with pytest.raises(VidposeError, match="no preset 'foggy'; there are default, clean"):
        find_preset("foggy")
    assert find_preset("crowd").staging.people == (5, 8)
    with pytest.raises(ValidationError, match="no action 'fly'"):
        MotionMix(actions=("fly",))
    with pytest.raises(ValidationError, match="from its low to its high"):
        CameraMix(person_px=(200, 100))
    for wrong in ({"kinds": ()}, {"count": (3, 2)}, {"count": (-1, 2)}, {"cover": (0, 1)}):
        with pytest.raises(ValidationError):
            Obstacles.model_validate(wrong)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Staging(people=(0, 2))


@pytest.mark.skipif("VIDPOSE_SHARED" not in os.environ, reason="VIDPOSE_SHARED is not set")
def test_a_kits_people_play_its_capture_on_the_ground() -> None:
    folder = Path(os.environ["VIDPOSE_SHARED"]) / "data/synth_kit"
    if not folder.exists():
        pytest.skip("the kit is not there")
    kit = Kit(folder)
    repertoire = Repertoire(read_capture(kit.motions, "val"))
    scene = sample_scene(3, PRESETS["clean"], KitWardrobe(kit, "val"), repertoire)
    again = sample_scene(3, PRESETS["clean"], KitWardrobe(kit, "val"), repertoire)
    assert [figure.name for figure in scene.cast] == [figure.name for figure in again.cast]
    person = scene.moments(9)[0].people[0]
    figure, way = scene.cast[0], scene.ways[0]
    flight = np.interp(scene._times(9, 1) * 30, np.arange(len(way.motion)), way.motion.lift)
    lowest = skin(figure, figure.pose(person))[:, 2].min()
    assert lowest == pytest.approx(flight[0] * way.leg_length, abs=0.03)
