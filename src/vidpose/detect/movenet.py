"""People and their keypoints in a whole frame, by MoveNet MultiPose at two scales."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from vidpose.detect.base import Detections
from vidpose.frame import Frame
from vidpose.geometry import box_area, box_iou, oks
from vidpose.heads.peaks import highest_around
from vidpose.skeleton import COCO17

# Of each copy of the frame, in pixels.
LONG_SIDES = (256, 512)
_STRIDE = 4
_SIDE_MULTIPLE = 32
# Constants of the published graph.
_PEAK_REACH = 2  # cells
_PEAK_TOLERANCE = 1.0e-6
_SPREAD = 0.300048828125
_COUNTED_JOINT = 0.126953125


class MoveNetDetector:
    """MultiPose on a large and a small copy of the frame, de-duplicated.

    The large copy finds small people, the small copy those who fill the frame: neither scale finds
    all.

    Args:
        network: A MultiPose network, or what answers as one.
        long_sides: Long side of each copy in pixels, rounded to a multiple of 32.
        people: Most people returned for one copy.
        threshold: Least person score. MultiPose scores are low: 0.15 to 0.7 for real people.
    """

    name = "movenet-multipose"

    def __init__(
        self,
        network: nn.Module,
        *,
        long_sides: Sequence[int] = LONG_SIDES,
        people: int = 20,
        threshold: float = 0.12,
    ) -> None:
        self.network = network
        self.long_sides = tuple(long_sides)
        self.people = people
        self.threshold = threshold

    def __call__(self, frame: Frame) -> Detections:
        """The people of ``frame``, best first."""
        return unique(merge([self.detect(*copy) for copy in copies(frame.image, self.long_sides)]))

    @torch.inference_mode()
    def detect(self, copy: UInt8[np.ndarray, "h w 3"], scale: float = 1.0) -> Detections:
        """The people found in one copy of a frame, in pixels of the frame.

        Args:
            copy: Sides are multiples of 32.
            scale: How much smaller it is than the frame.
        """
        # A network in a runtime has no parameters: it is on the CPU.
        device = next((each.device for each in self.network.parameters()), torch.device("cpu"))
        batch = torch.from_numpy(copy).to(device).permute(2, 0, 1)[None]
        maps = self.network(batch)
        of_frame = {name: head[0] for name, head in maps.items()}
        found = decode(of_frame, self.people, self.threshold).cpu().numpy()
        found = found[found[:, -1] >= self.threshold]
        found = found[(found[:, 53:55] >= found[:, 51:53]).all(axis=1)]  # a box is a regression
        joints = found[:, :51].reshape(-1, 17, 3)
        return Detections(
            boxes=found[:, 51:55] / scale,
            scores=found[:, 55],
            keypoints=joints[..., :2] / scale,
            keypoint_scores=joints[..., 2].copy(),
        )


def copies(
    image: UInt8[np.ndarray, "h w 3"], long_sides: Sequence[int]
) -> list[tuple[UInt8[np.ndarray, "small_h small_w 3"], float]]:
    """Shrunk or enlarged to each long side, and by what factor.

    Black at the right and bottom up to a multiple of 32. A copy is shrunk from the larger copy
    before it where that was shrunk too: means over areas stay what they are, and fewer pixels are
    read.

    Args:
        image: RGB pixels.
        long_sides: In pixels.
    """
    height, width = image.shape[:2]
    made = {}
    source = image
    for long_side in sorted(long_sides, reverse=True):
        scale = long_side / max(height, width)
        rows, columns = _shrunk(height, width, long_side)
        canvas = np.zeros((*_padded(rows, columns), 3), dtype=np.uint8)
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        cv2.resize(source, (columns, rows), dst=canvas[:rows, :columns], interpolation=shrink)
        if scale < 1:
            source = canvas[:rows, :columns]
        made[long_side] = canvas, scale
    return [made[long_side] for long_side in long_sides]


def input_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths that the network sees of a frame of so many pixels."""
    return [_padded(*_shrunk(height, width, long_side)) for long_side in LONG_SIDES]


def _shrunk(height: int, width: int, long_side: int) -> tuple[int, int]:
    scale = long_side / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _padded(height: int, width: int) -> tuple[int, int]:
    rows, columns = (-(-side // _SIDE_MULTIPLE) * _SIDE_MULTIPLE for side in (height, width))
    return rows, columns


def decode(
    maps: dict[str, Float[Tensor, "_ h w"]], people: int, least: float = 0.0
) -> Float[Tensor, "n 56"]:
    """The published decoder of MultiPose, for one image.

    Args:
        maps: Raw head outputs of one image.
        people: How many of the best centres to look at.
        least: Score that a centre needs to be looked at. A person's is never above it, so that
            nobody of a higher score is lost.

    Returns:
        Rows of 17 x (x, y, score), then x1, y1, x2, y2, person score; pixels of the input. A row
        for each of the best centres, however low its person score.
    """
    height, width = maps["center"].shape[-2:]
    centre = maps["center"].sigmoid()[None]
    peaks = highest_around(centre, _PEAK_REACH) - centre < _PEAK_TOLERANCE
    kept = (centre * peaks).flatten()
    centre_score, cell = kept.topk(min(people, kept.numel()))
    looked_at = centre_score >= least
    centre_score, cell = centre_score[looked_at], cell[looked_at]
    y, x = cell // width, cell % width

    # [n, 2] in (y, x), cells
    at = torch.stack([y, x], dim=-1).to(centre.dtype)
    box_centre = at + maps["box_offset"][:, y, x].T
    half = maps["box_scale"][:, y, x].T.clamp(min=0) / 2
    limit = at.new_tensor([height, width])
    low = (box_centre - half).clamp(min=0).minimum(limit)
    high = (box_centre + half).clamp(min=0).minimum(limit)

    # [n, joint, 2]
    expected = at[:, None] + maps["kpt_regress"][:, y, x].T.unflatten(1, (-1, 2))
    rows = _near(expected[..., 0], height, min(height, width))
    columns = _near(expected[..., 1], width, min(height, width))
    score, best = _highest(maps["kpt_heatmap"], rows, columns, low, high)
    yk, xk = best // width, best % width
    joint = torch.arange(best.shape[1], device=best.device)
    offsets = maps["kpt_offset"].unflatten(0, (-1, 2))
    position_y = yk + offsets[joint, 0, yk, xk]
    position_x = xk + offsets[joint, 1, yk, xk]

    counted = score > _COUNTED_JOINT
    person = centre_score * (score * counted).sum(-1) / counted.sum(-1).clamp(min=1)
    joints = torch.stack([position_x * _STRIDE, position_y * _STRIDE, score], dim=-1).flatten(1)
    box = torch.cat([low.flip(-1), high.flip(-1)], dim=-1) * _STRIDE
    return torch.cat([joints, box, person[:, None]], dim=-1)


def _near(
    expected: Float[Tensor, "n joint"], length: int, short_side: int
) -> Float[Tensor, "n joint length"]:
    """One axis of the Gaussian around the expected place.

    The weight exp(-(dy^2 + dx^2) / s) is a product of two such axes, so the exponentials are
    n x joint x (h + w) instead of n x joint x h x w.
    """
    cells = torch.arange(length, device=expected.device, dtype=expected.dtype)
    return torch.exp(-((cells - expected[..., None]) ** 2) / (_SPREAD * short_side))


def _highest(
    heatmaps: Float[Tensor, "joint h w"],
    rows: Float[Tensor, "n joint h"],
    columns: Float[Tensor, "n joint w"],
    low: Float[Tensor, "n 2"],
    high: Float[Tensor, "n 2"],
) -> tuple[Float[Tensor, "n joint"], Int[Tensor, "n joint"]]:
    """The greatest weighted height of each joint in its person's box (y, x), and its flat cell.

    Nothing outside of the box is computed: it would be most of the time that decoding takes.
    """
    # As convolutions leave them: joints last.
    maps = heatmaps.permute(1, 2, 0)
    width = maps.shape[1]
    score = rows.new_zeros(rows.shape[:2])
    best = torch.zeros_like(score, dtype=torch.int64)
    first, end = low.ceil().int().tolist(), high.ceil().int().tolist()
    for person, ((top, left), (bottom, right)) in enumerate(zip(first, end, strict=True)):
        if bottom <= top or right <= left:
            continue
        weight = rows[person, :, top:bottom].T[:, None] * columns[person, :, left:right].T
        weighted = maps[top:bottom, left:right].sigmoid() * weight
        score[person], cell = weighted.flatten(0, 1).max(dim=0)
        y, x = cell // (right - left), cell % (right - left)
        best[person] = (top + y) * width + left + x
    return score, best


def merge(parts: Sequence[Detections]) -> Detections:
    """All detections of several passes, one after the other."""
    joints = [part.keypoints for part in parts if part.keypoints is not None]
    scores = [part.keypoint_scores for part in parts if part.keypoint_scores is not None]
    return Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(joints),
        np.concatenate(scores),
    )


def unique(found: Detections, *, same_oks: float = 0.5, same_iou: float = 0.6) -> Detections:
    """Drop the weaker of every two detections of one person; the rest best first.

    Two detections are one person if their poses agree (OKS) or their boxes nearly coincide (IoU):
    people who overlap share boxes, but not poses.
    """
    found = found[np.argsort(-found.scores, kind="stable")]
    assert found.keypoints is not None
    similar = (
        oks(found.keypoints, found.keypoints, box_area(found.boxes), np.array(COCO17.sigmas))
        > same_oks
    )
    same = similar | similar.T | (box_iou(found.boxes, found.boxes) > same_iou)
    kept: list[int] = []
    for row in range(len(found)):
        if not same[row, kept].any():
            kept.append(row)
    return found[np.array(kept, dtype=np.int64)]
