"""People by an object detector of the transformers library: from the hub, or from a folder."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from vidpose import extras
from vidpose.defaults import HUB
from vidpose.detect.base import Detections
from vidpose.errors import VidposeError
from vidpose.frame import Frame

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PERSON = "person"
# Of a repository all that is read; others hold the same weights in other forms.
_FILES = ("*.json", "model*.safetensors")
# Of what transformers says about a fault, this many characters are passed on.
_LONGEST = 500


class HubDetector:
    """Whom an object detector of transformers takes for a person: boxes, without joints.

    Args:
        model: Made for object detection; run where its parameters are.
        processor: Its image processor, which scales frames and reads its answers.
        name: How results name it.
        threshold: Least score in [0, 1]. These networks are surer than MultiPose: what they score
            lower is seldom a person.

    Raises:
        VidposeError: No class of the model is a person.
    """

    def __init__(
        self, model: PreTrainedModel, processor: Any, name: str, *, threshold: float = 0.5
    ) -> None:
        classes = model.config.id2label or {}
        self._person = [i for i, label in classes.items() if str(label).casefold() == _PERSON]
        if not self._person:
            few = ", ".join(map(str, list(classes.values())[:5]))
            raise VidposeError(f"{name} finds no people: its {len(classes)} classes are {few}, ...")
        self.model = model.eval()
        self.processor = processor
        self.name = name
        self.threshold = threshold

    @torch.inference_mode()
    def __call__(self, frame: Frame) -> Detections:
        """The people of ``frame``."""
        height, width = frame.image.shape[:2]
        inputs = self.processor(
            images=frame.image, input_data_format="channels_last", return_tensors="pt"
        )
        (found,) = self.processor.post_process_object_detection(
            self.model(**inputs.to(self.model.device)),
            threshold=self.threshold,
            target_sizes=[(height, width)],
        )
        people = torch.isin(found["labels"], torch.tensor(self._person).to(found["labels"]))
        boxes = found["boxes"][people].cpu().numpy().astype(np.float32)
        scores = found["scores"][people].cpu().numpy().astype(np.float32)
        boxes = boxes.clip(0, np.array([width, height, width, height], dtype=np.float32))
        real = _with_area(boxes)
        return Detections(boxes[real], scores[real])


def _with_area(boxes: Float[np.ndarray, "n 4"]) -> np.ndarray:
    """The rows of boxes that are not empty."""
    return np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))


def _fetched(name: str) -> Path:
    """The folder of a model, all of it fetched.

    Where there is no network transformers tries for minutes to get file after file, and then says
    that the name is wrong.
    """
    if not name:
        raise VidposeError("names no model; give owner/name as on the hub, or a folder")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    # No shell expands the ~ of `hub:~/detector`.
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except HFValidationError as error:
        raise VidposeError("no such folder, nor owner/name as on the Hugging Face hub") from error


def load(name: str, device: torch.device) -> HubDetector:
    """The detector of a name on the Hugging Face hub, fetched once, or of a folder.

    Nothing of it is executed: the weights have to be safetensors, the class one of transformers'.

    Args:
        name: ``owner/name``, or a folder that ``save_pretrained`` wrote.
        device: Where it is to run.

    Raises:
        VidposeError: transformers is not installed, or cannot give the model as a whole.
    """
    for package, module in (("transformers", "transformers"), ("pillow", "PIL")):
        extras.need("hub", f"{HUB}{name}", package, module=module)
    from transformers import AutoImageProcessor, AutoModelForObjectDetection
    from transformers.utils import logging

    # Its table of missing tensors says at length what is said in a line below.
    usual = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        folder = _fetched(name)
        # Unless told not to, it asks at the terminal whether to run a repository's own code.
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        model, report = AutoModelForObjectDetection.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    # A broken file ends in whatever transformers meets first: there is no one kind of error.
    except Exception as error:
        told = shorten(str(error), _LONGEST, placeholder=" ...") or type(error).__name__
        raise VidposeError(f"{HUB}{name}: {told}") from error
    finally:
        logging.set_verbosity(usual)
    missing = sorted(report["missing_keys"])
    if missing:
        raise VidposeError(
            f"{HUB}{name} is no trained object detector: it lacks {len(missing)} tensors, "
            f"{missing[0]} is one"
        )
    return HubDetector(model.to(device), processor, f"{HUB}{name}")
