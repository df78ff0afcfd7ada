"""What one sub-frame of the synthetic engine costs.

    python benchmarks/synth_render.py [KIT]

CPU time of one core in software, or of the GPU's driver; one standing person who fills 85 % of a
picture of 384 x 288 pixels; median of 5 runs of 20. KIT adds a clothed person with the most and one
with the least triangles.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

os.environ["LP_NUM_THREADS"] = "1"  # of llvmpipe, before it starts

import numpy as np

from vidpose.synth.figure import Figure
from vidpose.synth.kit import Kit
from vidpose.synth.plain import plain_figure
from vidpose.synth.renderer import Renderer
from vidpose.synth.skinning import joints
from vidpose.synth.state import Camera, Light, Moment, PersonState
from vidpose.synth.visibility import visibility

HEIGHT, WIDTH = 384, 288


def main(kit: str | None) -> None:
    """Print one row a figure."""
    for figure in _figures(kit):
        triangles = sum(len(part.faces) for part in figure.parts)
        print(f"{figure.name}: {triangles} triangles")
        for samples in (1, 2, 3):
            _report(figure, samples)


def _figures(kit: str | None) -> list[Figure]:
    figures = [plain_figure(0)]
    if kit is not None:
        loaded = Kit(kit)
        outfits = {outfit.suit: outfit for outfit in loaded.outfits("train")}
        dressed = [loaded.figure(0, outfit) for outfit in outfits.values()]
        dressed.sort(key=lambda figure: sum(len(part.faces) for part in figure.parts))
        figures += [dressed[0], dressed[-1]]
    return figures


def _report(figure: Figure, samples: int) -> None:
    state = PersonState(0, np.tile(np.eye(3), (22, 1, 1)), np.array([0, 0, figure.height * 0.53]))
    forwards = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    position = np.array([0, -4, figure.height / 2])
    focal = 0.85 * HEIGHT * 4 / figure.height
    camera = Camera(forwards, position, focal, (HEIGHT, WIDTH))
    light = Light(np.array([0.48, -0.6, 0.64]), np.full(3, 0.7), np.full(3, 0.35))
    moment = Moment(camera, (state,), light)
    background = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    start = time.process_time()
    with Renderer(HEIGHT, WIDTH, {0: figure}, samples) as renderer:
        drawn = renderer.draw(moment, background)
        ready = time.process_time() - start
        points = np.stack(list(joints(figure, figure.pose(state)).values()))
        tasks: dict[str, Callable[[], object]] = {
            "draw": lambda: renderer.draw(moment, background),
            "image": lambda: renderer.image(moment, background),
            "surfaces": lambda: renderer.surfaces(moment),
            "visibility": lambda: visibility(
                points, 0, figure.height, camera, drawn.depth, drawn.owner
            ),
        }
        costs = ", ".join(f"{name} {_milliseconds(task):.2f}" for name, task in tasks.items())
        rate = 1000 / _milliseconds(tasks["draw"])
        print(
            f"  {samples} x {samples} samples: ready in {1000 * ready:.0f} ms; ms: {costs}; "
            f"{rate:.0f} sub-frames per core-second ({renderer.device})",
            flush=True,
        )


def _milliseconds(task: Callable[[], object]) -> float:
    """CPU time of one call."""
    runs = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(20):
            task()
        runs.append((time.process_time() - start) * 50)
    return median(runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kit", nargs="?")
    main(parser.parse_args().kit)
