"""How good a model is by the official metric, on annotated sequences, by the papers' protocol."""

import math

from accelerate import Accelerator
from accelerate.utils import gather_object

from vidpose.datasets import registry
from vidpose.datasets.boxes import PersonBoxes, detector_boxes, ground_truth_boxes
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.posetrack import check_truth, evaluate
from vidpose.models.base import PoseModel
from vidpose.predict import predict
from vidpose.training.config import DataConfig
from vidpose.training.loop import METRIC


class Validation:
    """Average precision on the validation splits of a recipe.

    Args:
        data: Which splits, with which boxes, by which protocol.
        accelerator: Each process predicts a part of the sequences.

    Raises:
        VidposeError: A split cannot be read, or its labels do not serve the metric.
    """

    def __init__(self, data: DataConfig, accelerator: Accelerator) -> None:
        self._protocol = data.protocol
        self._accelerator = accelerator
        self._work: list[tuple[SequenceLabels, PersonBoxes]] = []
        for split in data.validation:
            sequences = registry.read(split.dataset, data.folder(split), split.split)
            if split.boxes is None:
                boxes = ground_truth_boxes(sequences)
            else:
                boxes = detector_boxes(split.boxes, sequences)
            self._work += [(each, boxes) for each in sequences]
        try:
            check_truth(self._truth, data.protocol)
        except VidposeError as error:
            raise VidposeError(f"data.validation: {error}") from error

    def __call__(self, model: PoseModel) -> dict[str, float]:
        """The mean AP of the 15 joints and that of each of the papers' columns, in percent.

        Args:
            model: In evaluation mode; the same in every process.
        """
        accelerator = self._accelerator
        mine = range(len(self._work))[accelerator.process_index :: accelerator.num_processes]
        found = dict(gather_object([(n, predict(model, *self._work[n])) for n in mine]))
        truth = self._truth
        ap = evaluate(truth, [found[n] for n in range(len(truth))], self._protocol).result.ap
        columns = {name: value for name, value in ap.columns.items() if math.isfinite(value)}
        return {METRIC: ap.mean, **columns}

    @property
    def _truth(self) -> list[SequenceLabels]:
        return [sequence for sequence, _ in self._work]
