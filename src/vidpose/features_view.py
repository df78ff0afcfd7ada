"""What a model looked at, as pictures: the values of its probes over the crops of a clip."""

from math import ceil

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from vidpose.drawing import id_colour
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator
from vidpose.layers.tokens import TokenGrid
from vidpose.models.base import PoseModel, Probe
from vidpose.poses import FramePoses

Picture = UInt8[np.ndarray, "h w 3"]
# A crop is enlarged until its longer side has this many pixels: places are dots between its own.
_SIDE = 384
# So many channels are shown one by one; of more, which mean nothing alone, the norm.
_FEW = 4
_CAPTION = 22
# What a crop keeps of its light under colours.
_LIGHT = 0.45


def check_probes(model: PoseModel) -> None:
    """Whether there is anything to show.

    Raises:
        VidposeError: The model has no probes.
    """
    if not any(isinstance(module, Probe) for module in model.modules()):
        raise VidposeError(
            f"{type(model).__name__} has no probes, so there are no features to show "
            "(--show-features); vremd and sdtc have some"
        )


def features_of(estimator: ClipEstimator, poses: FramePoses) -> dict[str, Picture]:
    """`show_features` of everybody in the key frame that ``estimator`` saw last.

    Returns:
        RGB, by file names ``<frame>-<person>-<probe>.png``.

    Raises:
        VidposeError: The model has no probes.
    """
    return {
        f"{poses.index:06d}-{person.id}-{probe}.png": picture
        for person in poses.people
        for probe, picture in show_features(estimator.model, estimator.crops_of(person.id)).items()
    }


@torch.inference_mode()
def show_features(
    model: PoseModel, clip: UInt8[np.ndarray, "frame h w 3"]
) -> dict[str, UInt8[np.ndarray, "_ _ 3"]]:
    """Pictures of what passes the probes of a model.

    Maps and tokens are up-sampled and coloured from dark (their least value in the picture) to
    yellow (their greatest), which the caption names; of more than four channels it is the norm.
    Places are dots, a colour for each head. A picture has a panel for each frame where the value
    has them; other values are laid over the key frame. Values that belong neither to a place nor to
    a frame are left out.

    Args:
        model: Run where its parameters are, in the mode in which it is; training mode has masks
            that evaluation has not, but also moves batch statistics.
        clip: RGB crops of one person at the model's offsets.

    Returns:
        RGB, by the names of the probes.

    Raises:
        VidposeError: The model has no probes, or the clip is not what it takes.
    """
    check_probes(model)
    wanted = (len(model.offsets), *model.crop.size, 3)
    if clip.shape != wanted or clip.dtype != np.uint8:
        raise VidposeError(
            f"a clip of shape {wanted} in uint8 is needed, not {clip.shape} in {clip.dtype}"
        )
    device = next(model.parameters()).device
    _, seen = model.look(torch.from_numpy(clip).to(device).permute(0, 3, 1, 2)[None])
    pictures = {}
    for name, value in seen.items():
        array = value.float().cpu().numpy()
        if name.split(".")[-1] == "places":
            panels = [_dots(clip[model.key], places) for places in _by_head(array)]
            pictures[name] = _titled(panels, name)
        elif (maps := _as_maps(array, model)) is not None:
            crops = clip if len(maps) == len(clip) else clip[[model.key] * len(maps)]
            low, high = float(maps.min()), float(maps.max())
            panels = [
                overlay(crop, each, low, high)
                for crop, channels in zip(crops, maps, strict=True)
                for each in channels
            ]
            pictures[name] = _titled(panels, f"{name}: {low:.3g} to {high:.3g}")
    return pictures


def overlay(
    crop: UInt8[np.ndarray, "h w 3"], values: Float[np.ndarray, "y x"], low: float, high: float
) -> UInt8[np.ndarray, "_ _ 3"]:
    """A map over its crop, enlarged: dark where it is ``low``, yellow where it is ``high``.

    Args:
        crop: RGB.
        values: A map of the whole crop, of any resolution.
        low: The dark end of the scale.
        high: The other.
    """
    picture = _enlarged(crop)
    with np.errstate(invalid="ignore"):
        relative = (values - low) / max(high - low, 1e-12)
    size = (picture.shape[1], picture.shape[0])
    # Nearest, so that what one token says is told from what is between two of them.
    levels = (np.nan_to_num(relative.clip(0, 1)) * 255).astype(np.uint8)
    levels = cv2.resize(levels, size, interpolation=cv2.INTER_NEAREST)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return cv2.addWeighted(_grey(picture), _LIGHT, colours, 1 - _LIGHT, 0)


def _as_maps(value: np.ndarray, model: PoseModel) -> Float[np.ndarray, "picture map y x"] | None:
    """Values of tokens, maps or frames, each picture of a few maps; None if they are neither."""
    grids = [module.grid for module in model.modules() if isinstance(module, TokenGrid)]
    rows, columns = grids[0] if grids else (0, 0)
    tokens = rows * columns
    if tokens and value.ndim > 1 and value.shape[-2] == tokens:
        maps = np.moveaxis(value.reshape(-1, rows, columns, value.shape[-1]), -1, 1)
    elif tokens and value.shape[-1] == tokens:
        maps = value.reshape(-1, 1, rows, columns)
    elif value.shape == (1, len(model.offsets), 1):
        maps = value.reshape(-1, 1, 1, 1)
    elif value.ndim >= 4 and _has_aspect(value.shape[-2:], model.crop.size):
        maps = value.reshape(-1, *value.shape[-3:])
    else:
        return None
    return maps if maps.shape[1] <= _FEW else np.linalg.norm(maps, axis=1, keepdims=True)


def _has_aspect(shape: tuple[int, ...], crop: tuple[int, int]) -> bool:
    return shape[0] * crop[1] == shape[1] * crop[0]


def _by_head(value: np.ndarray) -> list[Float[np.ndarray, "head place 2"]]:
    """The places of each group of a clip (both directions of motion, e.g.)."""
    heads = value if value.ndim >= 5 else value[:, None]
    return list(heads.reshape(*heads.shape[:2], -1, 2))


def _dots(
    crop: UInt8[np.ndarray, "h w 3"], places: Float[np.ndarray, "head place 2"]
) -> UInt8[np.ndarray, "_ _ 3"]:
    picture = (_grey(_enlarged(crop)) * 0.6).astype(np.uint8)
    height, width = picture.shape[:2]
    for head, xy_norm in enumerate(places):
        inside = xy_norm[((xy_norm >= 0) & (xy_norm < 1)).all(axis=1)]
        x, y = (inside * [width, height]).astype(int).T
        for down, right in np.ndindex(2, 2):
            rows, columns = (y + down).clip(max=height - 1), (x + right).clip(max=width - 1)
            picture[rows, columns] = id_colour(head)
    return picture


def _enlarged(crop: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "_ _ 3"]:
    times = ceil(_SIDE / max(crop.shape[:2]))
    return cv2.resize(crop, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)


def _grey(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _titled(panels: list[Picture], text: str) -> Picture:
    """Panels side by side, a caption below."""
    row = np.hstack(panels)
    caption = np.zeros((_CAPTION, row.shape[1], 3), np.uint8)
    white = (230, 230, 230)
    cv2.putText(caption, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, white, 1, cv2.LINE_AA)
    return np.vstack([row, caption])
