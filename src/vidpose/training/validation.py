"""How good a model is by the official metric, on annotated sequences, by the papers' protocol."""

import math

from accelerate import Accelerator
from accelerate.utils import gather_object

from vidpose.datasets import registry
from vidpose.datasets.boxes import PersonBoxes, detector_boxes, ground_truth_boxes
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation import oks_ap
from vidpose.evaluation.posetrack import check_truth, evaluate
from vidpose.models.base import PoseModel
from vidpose.predict import predict
from vidpose.skeleton import POSETRACK15
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
        self._skeleton = POSETRACK15
        try:
            if data.protocol == oks_ap.PROTOCOL:
                self._skeleton = oks_ap.check_truth(self._truth)
            else:
                check_truth(self._truth, data.protocol)
        except VidposeError as error:
            raise VidposeError(f"data.validation: {error}") from error

    def __call__(self, model: PoseModel) -> dict[str, float]:
        """The mean AP and what it is made of, in percent.

        Args:
            model: In evaluation mode; the same in every process.

        Returns:
            By PoseTrack's protocols the mean of the 15 joints and each of the papers' columns, by
            COCO's the mean over similarities and its other figures.
        """
        accelerator = self._accelerator
        mine = range(len(self._work))[accelerator.process_index :: accelerator.num_processes]
        answers = [(n, predict(model, *self._work[n], self._skeleton)) for n in mine]
        found = dict(gather_object(answers))
        main, parts = self._figures([found[n] for n in range(len(self._work))])
        return {METRIC: main, **{k: value for k, value in parts.items() if math.isfinite(value)}}

    def _figures(self, predictions: list[SequenceLabels]) -> tuple[float, dict[str, float]]:
        if self._protocol == oks_ap.PROTOCOL:
            figures = oks_ap.oks_ap(self._truth, predictions)
            return figures.pop(oks_ap.FIGURES[0]), figures
        ap = evaluate(self._truth, predictions, self._protocol).result.ap
        return ap.mean, ap.columns

    @property
    def _truth(self) -> list[SequenceLabels]:
        return [sequence for sequence, _ in self._work]
