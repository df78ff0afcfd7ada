"""What judges a model while it is trained: PoseTrack's metric, or COCO's."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from accelerate import Accelerator

from vidpose.datasets import registry as datasets
from vidpose.datasets.boxes import ground_truth_boxes
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.oks_ap import FIGURES, oks_ap
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.predict import predict
from vidpose.skeleton import COCO17
from vidpose.training import validation
from vidpose.training.config import DataConfig
from vidpose.training.loop import METRIC
from vidpose.training.validation import Validation

pytest.importorskip("pycocotools")


def coco(root: Path, labelled: bool = True, pictures: int = 2) -> Path:
    """Pictures of noise with somebody on each."""
    random = np.random.default_rng(0)
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    people = []
    for number in range(pictures):
        picture = random.integers(0, 256, (200, 160, 3), dtype=np.uint8)
        cv2.imwrite(str(root / f"val2017/{number}.jpg"), picture)
        rows = [[*random.uniform(20, 140, 2), 2.0 * labelled] for _ in COCO17.joints]
        people.append(
            {
                "id": number + 1,
                "image_id": number,
                "category_id": 1,
                "bbox": [10, 10, 140, 180],
                "area": 1e6,  # so large that whatever is answered is near
                "keypoints": np.ravel(rows).tolist(),
            }
        )
    document = {
        "images": [{"id": number, "file_name": f"{number}.jpg"} for number in range(pictures)],
        "annotations": people,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}],
    }
    (root / "annotations/person_keypoints_val2017.json").write_text(json.dumps(document))
    return root


def recipe(root: Path, protocol: str) -> DataConfig:
    parts = [{"dataset": "coco", "split": "val", "root": str(root)}]
    return DataConfig.model_validate({"train": parts, "validation": parts, "protocol": protocol})


def test_cocos_metric_judges_the_joints_of_coco(tmp_path: Path) -> None:
    validate = Validation(recipe(coco(tmp_path), "coco"), Accelerator(cpu=True))
    model = registry.load("movenet-lightning").eval()
    found = validate(model)
    truth = datasets.read("coco", tmp_path, "val")
    boxes = ground_truth_boxes(truth)
    answers = [predict(model, each, boxes, COCO17) for each in truth]
    figures = oks_ap(truth, answers)
    assert found[METRIC] == figures.pop("AP") > 0
    # Nobody is of medium size: there is no figure.
    assert found == {METRIC: found[METRIC], **{k: v for k, v in figures.items() if "med" not in k}}
    assert set(FIGURES) - set(found) == {"AP", "AP medium", "AR medium"}


def test_a_process_predicts_every_so_many_th_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: list[SequenceLabels] = []

    def noted(_: PoseModel, sequence: SequenceLabels, *rest: object) -> SequenceLabels:
        predicted.append(sequence)
        return sequence

    truth = datasets.read("coco", coco(tmp_path, pictures=3), "val")
    validate = Validation(recipe(tmp_path, "coco"), Accelerator(cpu=True))
    monkeypatch.setattr(Accelerator, "process_index", 1)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    monkeypatch.setattr(validation, "predict", noted)
    monkeypatch.setattr(validation, "gather_object", lambda answers: enumerate(truth))
    validate(registry.load("movenet-lightning"))
    assert [each.name for each in predicted] == [truth[1].name]


def test_labels_that_do_not_serve_the_metric_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"^data.validation: .*has no head box.*protocol: coco"):
        Validation(recipe(coco(tmp_path / "a"), "posetrack18"), Accelerator(cpu=True))
    with pytest.raises(VidposeError, match=r"^data.validation: nobody is annotated"):
        Validation(recipe(coco(tmp_path / "b", labelled=False), "coco"), Accelerator(cpu=True))
