"""The authors' released checkpoint (ResNet-50, three frames, PoseTrack2017) as ours.

The released model has 17 tokens in the order of the groups, two of which nothing reads, and gives
17 slots, of which the ears repeat another joint. Ours has the 15 joints, each with its own token.
"""

from collections.abc import Mapping

from torch import Tensor

from vidpose.backbones.checkpoints import identify
from vidpose.errors import VidposeError
from vidpose.models.dsta.model import DSTA, DSTAConfig

RELEASED = DSTAConfig(
    backbone="resnet50",
    offsets=(-1, 0, 1),
    jfd="pooled",
    normalised=True,
    fusion="sum",
    centred=False,
    prior_mean=0.5,
    joint_weights="limbs",
)

# The token that each of PoseTrack's 15 joints is read from.
_TOKENS = (1, 2, 0, 3, 6, 4, 7, 5, 8, 9, 12, 10, 13, 11, 14)
_WIDTH = 32
# Where the parts of the released model are in ours.
_PLACES = {
    "preact.": "backbone.",
    "Spatial_blocks.": "std.spatial.attend.blocks.",
    "Spatial_norm.": "std.spatial.attend.norm.",
    "blocks.": "std.temporal.attend.blocks.",
    "Temporal_norm.": "std.temporal.attend.norm.",
    "head_coord.": "coordinates.",
    "head_sigma.": "deviations.",
    "flow.": "rle.flow.",
}


def load_released(state: Mapping[str, Tensor], source: str) -> DSTA:
    """The authors' model as ours, in evaluation mode.

    Args:
        state: The tensors of their checkpoint, perhaps behind ``module.``.
        source: What error messages call it.

    Raises:
        VidposeError: These are not the tensors of the released model.
    """
    plain = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    if "Spatial_pos_embed" not in plain:
        backbone = identify(plain, source)
        raise VidposeError(
            f"{source}: not the released DSTA but the backbone {backbone!r}, which needs no "
            f"import: train with --set model.backbone_weights={source}"
        )
    model = RELEASED.build()
    try:
        model.load_state_dict(from_released(plain))
    except (RuntimeError, ValueError, IndexError) as error:
        first = " ".join(str(error).split()[:40])
        raise VidposeError(f"{source}: not the released DSTA: {first}") from None
    return model.eval()


def from_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the authors' model for one built by `RELEASED`.

    Raises:
        VidposeError: A tensor is there that the released model does not have.
    """
    ours: dict[str, Tensor] = {}
    for name, tensor in state.items():
        match name:
            case "Spatial_pos_embed":
                ours["std.spatial.attend.position"] = tensor
            case "Temporal_pos_embed":
                ours["std.temporal.attend.position"] = tensor[0]
            case "weighted_mean.weight":
                ours["std.sum.weight"] = tensor.flatten(1)
            case "weighted_mean.bias":
                ours["std.sum.bias"] = tensor
            case "fc_coord.linear.weight" | "fc_coord.linear.bias":
                tokens = tensor.unflatten(0, (-1, _WIDTH))[list(_TOKENS)]
                ours["jfd.linear." + name.rpartition(".")[2]] = tokens.flatten(0, 1)
            case _:
                ours[_renamed(name)] = tensor
    return ours


def _renamed(name: str) -> str:
    for theirs, place in _PLACES.items():
        if name.startswith(theirs):
            return place + name.removeprefix(theirs)
    raise VidposeError(f"the released DSTA has no tensor named {name!r}")
