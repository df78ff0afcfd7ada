"""`vidpose train` on a data set of a few noisy pictures in PoseTrack2018's layout."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from vidpose import extras
from vidpose.backbones import registry
from vidpose.cli import main
from vidpose.formats.posetrack18 import SLOTS
from vidpose.models.registry import load

RECIPE = """
description: A network that is far too small
model:
  kind: heatmap-single
  config: {backbone: resnet18, size: [64, 64], deconvolutions: [16]}
data:
  train: [{dataset: posetrack18, split: train}]
  validation: [{dataset: posetrack18, split: val}]
optimizer: {lr: 0.001}
epochs: 2
batch_size: 4
workers: 0
variants:
  cached: {model: {backbone_weights: WEIGHTS}, freeze_backbone: true, ema: 0.9}
"""


def write_split(root: Path, split: str, sequence: str, frames: int, people: int) -> None:
    rng = np.random.default_rng(0)
    folder = root / "images" / split / sequence
    folder.mkdir(parents=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for frame in range(frames):
        name = f"{frame:06d}.jpg"
        picture = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), picture)
        images.append(
            {
                "id": frame,
                "frame_id": frame,
                "file_name": f"images/{split}/{sequence}/{name}",
                "is_labeled": True,
                "nframes": frames,
            }
        )
        for track in range(people):
            xy = rng.uniform(10, 50, (17, 2)).round()
            points = np.concatenate([xy, np.ones((17, 1))], 1)
            points[3:5] = 0
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": frame,
                    "track_id": track,
                    "category_id": 1,
                    "bbox": [5, 5, 50, 50],
                    "bbox_head": [10, 10, 12, 12],
                    "keypoints": points.ravel().tolist(),
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": SLOTS}],
    }
    (root / "annotations" / split).mkdir(parents=True, exist_ok=True)
    (root / "annotations" / split / f"{sequence}.json").write_text(json.dumps(document))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the recipe's backbone."""
    file = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    state = registry.build("resnet18").state_dict()
    save_file({name: each.contiguous() for name, each in state.items()}, file)
    return file


@pytest.fixture
def recipe(tmp_path: Path, weights: Path) -> list[str]:
    """Arguments that name a recipe and its data."""
    write_split(tmp_path, "train", "000001_train", frames=5, people=2)
    write_split(tmp_path, "val", "000002_val", frames=2, people=1)
    (tmp_path / "small.yaml").write_text(RECIPE.replace("WEIGHTS", str(weights)))
    root = f"data.root={tmp_path}"
    return ["train", str(tmp_path / "small.yaml"), "--set", root, "--device", "cpu"]


def records(folder: Path) -> list[dict[str, float | str]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_trains_validates_and_leaves_models_that_load(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*recipe, "-o", str(out)]) == 0
    printed, shown = capsys.readouterr()
    assert "10 clips, 2 batches of 4" in printed and "from random weights" in printed
    assert "1 x cpu, fp32" in printed and str(out) in printed
    assert "clips/s" in shown and "mAP" in shown
    events = [record["event"] for record in records(out)]
    assert events == ["step", "step", "validation"] * 2
    assert records(out)[2].keys() >= {"mAP", "Head", "Ankle"}
    assert load(out / "best.safetensors").crop.size == (64, 64)
    saved = yaml.safe_load((out / "recipe.yaml").read_text())
    assert saved["data"]["root"] == str(tmp_path) and saved["variants"] == {}


def test_a_variant_with_kept_features_and_its_folder_by_default(
    recipe: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = ["--variant", "cached", "--set", "cache.folder=kept", "--set", "cache.views=2"]
    assert main([*recipe, *cache]) == 0
    assert (tmp_path / "runs/small-cached/best.safetensors").is_file()
    assert np.load(tmp_path / "kept/done.npy").all()
    before, after = (np.load(path) for path in sorted((tmp_path / "kept").glob("level-*.npy"))[:2])
    assert before.dtype == after.dtype == np.float16 and before.shape[:3] == (2, 10, 1)


def test_a_frozen_backbone_without_weights_is_refused(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frozen = ["--variant", "cached", "--set", "model.backbone_weights=null"]
    assert main([*recipe, *frozen, "-o", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "random weights" in line and "--set model.backbone_weights=FILE" in line
    assert not (tmp_path / "out" / "log.jsonl").exists()


def test_after_a_signal_the_state_is_of_the_last_step_in_the_log(
    recipe: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # Workers get a terminal's signal too, as members of the process group.
    changes = ["epochs=100000", "workers=1", "validate_every=1000"]
    command = [*recipe, "-o", str(out), *(part for each in changes for part in ("--set", each))]
    process = subprocess.Popen(
        [sys.executable, "-m", "vidpose", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            if (out / "log.jsonl").exists() and (out / "log.jsonl").stat().st_size:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        printed, shown = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, shown
    assert "--resume" in printed and "Traceback" not in shown
    with safe_open(out / "state.safetensors", "pt") as state:
        position = json.loads(state.metadata()["vidpose.run"])["position"]
    assert position["step"] == max(int(record["step"]) for record in records(out))


@pytest.mark.parametrize("changes", [[], ["--variant", "cached", "--set", "cache.folder=kept"]])
def test_a_broken_picture_ends_a_run_with_workers(
    recipe: list[str], tmp_path: Path, changes: list[str]
) -> None:
    (tmp_path / "images/train/000001_train/000003.jpg").write_bytes(b"\xff\xd8 cut off")
    workers = ["--set", "workers=2", "-o", str(tmp_path / "out")]
    process = subprocess.run(
        [sys.executable, "-m", "vidpose", *recipe, *changes, *workers],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 2, process.stderr
    assert "000003.jpg: not an image" in process.stderr and "Traceback" not in process.stderr


def test_a_validation_that_cannot_be_scored_ends_a_run_before_it_starts(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    val = "{dataset: posetrack18, split: val}"
    twice = ["--set", f"data.validation=[{val}, {val}]"]
    assert main([*recipe, *twice, "-o", str(tmp_path / "out")]) == 2
    assert "sequence 000002_val more than once" in capsys.readouterr().err
    labels = tmp_path / "annotations/val/000002_val.json"
    labels.write_text(labels.read_text().replace("bbox_head", "nothing"))
    assert main([*recipe, "-o", str(tmp_path / "out")]) == 2
    assert "has no head box" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_features_are_kept_when_their_making_is_interrupted(
    recipe: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # The package has the command under the module's name.
    monkeypatch.setattr(sys.modules["vidpose.cli.train"]._Progress, "__call__", interrupt)
    cache = ["--variant", "cached", "--set", f"cache.folder={tmp_path}/kept"]
    assert main([*recipe, *cache, "-o", str(tmp_path / "out")]) == 130
    shown = capsys.readouterr().err
    assert f"the same command goes on with the features in {tmp_path}/kept" in shown
    assert "nothing was kept" not in shown


def test_resume_goes_on_and_says_from_where(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "out")]
    assert main([*recipe, *out]) == 0
    assert main([*recipe, *out]) == 2
    capsys.readouterr()
    assert main([*recipe, *out, "--resume"]) == 0
    assert f"to train, from {out[1]}\n" in capsys.readouterr().out
    assert main([*recipe, *out, "--resume", "--set", "seed=3"]) == 2


def test_nothing_to_resume_is_said_before_data_are_read(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ["--set", f"data.root={tmp_path}/no/data", "-o", str(tmp_path / "out"), "--resume"]
    assert main([*recipe, *elsewhere]) == 2
    assert "nothing to resume: there is no" in capsys.readouterr().err


def test_the_recipe_that_is_read_is_not_written_over(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "recipe.yaml"
    Path(recipe[1]).rename(mine)
    before = mine.read_text()
    cache = ["--variant", "cached", "--set", f"cache.folder={tmp_path}/kept"]
    assert main(["train", str(mine), *recipe[2:], *cache, "-o", str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert "holds recipe.yaml already" in shown and len(shown.splitlines()) == 1
    assert mine.read_text() == before
    assert not (tmp_path / "kept").exists()


def test_a_dry_run_prints_a_recipe_and_trains_nothing(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*recipe, "--dry-run", "--variant", "cached", "-o", str(tmp_path / "out")]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["ema"] == 0.9
    assert not (tmp_path / "out").exists()


def test_without_a_recipe_those_that_ship_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 0
    printed = capsys.readouterr().out
    assert "heatmap-resnet50: " in printed and "posetrack21" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "-o", "x"], "no recipe given"),
        (["nothing"], "no recipe or YAML file 'nothing'"),
        (["heatmap-resnet50"], "--set data.root=FOLDER"),
        (["heatmap-resnet50", "--set", "data.root=/nowhere"], "/nowhere: no such folder"),
        (["heatmap-resnet50", "--set", "optimizer.lrr=1"], "did you mean optimizer.lr?"),
        (["heatmap-resnet50", "--variant", "resnet51"], "resnet152"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert len(shown.splitlines()) == 1


def test_without_accelerate_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main(["train", "heatmap-resnet50"]) == 2
    assert "vidpose[train]" in capsys.readouterr().err


def test_a_missing_file_of_weights_is_one_line(
    recipe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("weights", "backbone_weights"):
        wrong = ["--set", f"model.{key}={tmp_path}/none.pth", "-o", str(tmp_path / "out")]
        assert main([*recipe, *wrong]) == 2
        assert "none.pth" in capsys.readouterr().err
