"""What the joints of a pose cost in training."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from vidpose.skeleton import Skeleton

JointWeights = Literal["equal", "limbs"]

# How much more the outer joints of a limb count in the code of HRNet and DCPose.
_LIMBS = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}


def weigh_joints(skeleton: Skeleton, scheme: JointWeights) -> list[float]:
    """How much each joint counts, in order.

    Args:
        skeleton: The joints.
        scheme: ``equal``: all 1. ``limbs``: elbows and knees 1.2, wrists and ankles 1.5.
    """
    weights = _LIMBS if scheme == "limbs" else {}
    return [weights.get(joint.rpartition("_")[2], 1.0) for joint in skeleton.joints]


def heatmap_loss(
    predicted: Float[Tensor, "batch joint h w"],
    target: Float[Tensor, "batch joint h w"],
    weight: Float[Tensor, "batch joint"],
) -> Float[Tensor, ""]:
    """Mean over batch, joints and cells of ``(weight predicted - weight target)^2``.

    As in the public code of Simple Baselines and DCPose a weight counts squared, and joints that
    are not labelled stay in the divisor.
    """
    return (weight[..., None, None] * (predicted - target)).square().mean()
