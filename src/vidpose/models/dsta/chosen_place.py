"""Which of the places that a pose network gave for a joint is believed: a choice for all joints.

Not in the paper; the coordinates of DSTA where its tokens are those of `KnownJFD`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vidpose.heads.prior import (
    PRIOR_SOFTENING,
    Prior,
    has_seen,
    led_by_prior,
    near_in_cells,
)
from vidpose.layers.positions import sine_cosine
from vidpose.models.dsta.groups import limb_sides
from vidpose.models.dsta.known import CANDIDATES, WAVES, ClipCandidates
from vidpose.models.dsta.space_time import ClipTokens
from vidpose.skeleton import Skeleton

# Before training, the odds of the key frame's own place against every other candidate: e^4.
_OWN_PLACE = 4.0
# Candidates at this distance from the truth, in sides of the crop, count e^-0.5 of one on it.
_NEAR = 0.02
# Candidates at this distance from each other, in sides of the crop, agree by e^-0.5.
_AGREEING = 0.08
# Left and right of a limb's joint in one place are e^2 times less likely than apart. Fitted on
# rendered scenes and labelled training stills.
_IN_ONE_PLACE = 2.0

JointFeatures = Float[Tensor, "batch joint width"]
# Logits of all candidates of a joint.
Belief = Float[Tensor, "batch joint frame*candidate"]
Places = Float[Tensor, "batch joint place 2"]
Weights = Float[Tensor, "batch joint place"]
# Positions of limbs' joints on the left, and of the same on the right.
Sides = Int[Tensor, "2 pair"]


class ChosenPlace(nn.Module):
    """A joint's coordinates: a mean of the candidates of all frames, and how far that is off.

    The mean is weighted by attention: the joint's feature asks, and a candidate answers with its
    place and with the token of its frame. Only candidates around the place with most of the weight
    take part (`agreeing`), so that a knee is never put between two knees, and both knees seldom on
    one. Before training it is the key frame's own place.

    Args:
        skeleton: The joints.
        width: Channels of a joint's feature.
        token_width: Channels of a token.
        frames: Of a clip.
        key: Position of the key frame.
        grid: Rows and columns of the backbone's heatmaps, in whose cells its decoding measures how
            far a place is from a prior's.
    """

    start: Tensor
    sides: Tensor

    def __init__(
        self,
        skeleton: Skeleton,
        width: int,
        token_width: int,
        frames: int,
        key: int,
        grid: tuple[int, int],
    ) -> None:
        super().__init__()
        self.grid = grid
        sides = torch.tensor(limb_sides(skeleton), dtype=torch.int64)
        self.register_buffer("sides", sides, persistent=False)
        self.norm, self.token_norm = nn.LayerNorm(width), nn.LayerNorm(token_width)
        self.query = nn.Linear(width, token_width)
        self.place = nn.Linear(token_width, token_width)
        self.token = nn.Linear(token_width, token_width * CANDIDATES)
        self.kind = nn.Linear(width, frames * CANDIDATES)
        self.shift = nn.Linear(width, 2)
        for layer in (self.query, self.kind, self.shift):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        start = torch.zeros(frames * CANDIDATES)
        start[key * CANDIDATES] = _OWN_PLACE
        self.register_buffer("start", start, persistent=False)

    def forward(
        self,
        joint_features: JointFeatures,
        candidates: ClipCandidates,
        believed: Belief,
        prior: Prior | None = None,
    ) -> Float[Tensor, "batch joint 2"]:
        """Coordinates in [0, 1] of the crop; a prior's joints speak for candidates near them.

        Args:
            joint_features: Of the clip.
            candidates: Places to choose from.
            believed: Their `logits`.
            prior: Of the key frame.
        """
        places = _of_joints(candidates)
        if prior is not None:
            believed = believed + _seen_by(prior, places, self.grid)
        weight = agreeing(believed.softmax(-1), places, self.sides)[..., None]
        chosen: Tensor = (weight * places).sum(2) + self.shift(self.norm(joint_features))
        return chosen

    def logits(
        self, joint_features: JointFeatures, candidates: ClipCandidates, tokens: ClipTokens
    ) -> Belief:
        """How much each candidate is believed."""
        normed = self.norm(joint_features)
        waves = sine_cosine(WAVES * candidates, tokens.shape[-1])
        of_frame = self.token(self.token_norm(tokens)).unflatten(-1, (CANDIDATES, -1))
        keys = _of_joints(self.place(waves) + of_frame)
        agreement = (self.query(normed)[:, :, None] * keys).sum(-1) / tokens.shape[-1] ** 0.5
        believed: Tensor = self.start + self.kind(normed) + agreement
        return believed

    def loss(
        self,
        candidates: ClipCandidates,
        believed: Belief,
        target: Float[Tensor, "batch joint 2"],
        weight: Float[Tensor, "batch joint"],
    ) -> Float[Tensor, ""]:
        """Cross entropy of the choice against those candidates that are near the truth.

        The likelihood alone hardly teaches to choose: where a joint is hard to find its deviation
        grows, and the gradient of its place falls with it. Joints of which no candidate is near
        are left out. Summed over joints, averaged over the batch.
        """
        distance = (_of_joints(candidates) - target[:, :, None]).norm(dim=-1)
        nearness = -0.5 * (distance / _NEAR) ** 2
        found = weight * (distance.amin(-1) < 2 * _NEAR)
        log_choice = believed.log_softmax(-1)
        entropy = -(nearness.softmax(-1) * log_choice).sum(-1)
        return (entropy * found).sum() / max(len(target), 1)


def agreeing(weight: Weights, places: Places, sides: Sides) -> Weights:
    """The weights of those places that agree with the one most of the weight agrees with.

    One step of mean shift from the best of the places: its neighbours count by a Gaussian of their
    distance to it. The weights of a joint sum to 1, before and after. The best places of a joint
    and of the same on the other side are chosen together, see `best_places`.

    Args:
        weight: Of the places.
        places: In [0, 1] of the crop.
        sides: Positions of joints of limbs, left and right.
    """
    near = _alike(places, places)
    support = (near * weight[:, :, None]).sum(-1)
    best = best_places(support, places, sides)[..., None, None]
    weight = weight * near.gather(2, best.expand_as(near[:, :, :1]))[:, :, 0]
    return weight / weight.sum(-1, keepdim=True)


def best_places(support: Weights, places: Places, sides: Sides) -> Int[Tensor, "batch joint"]:
    """The place of most support for each joint, where left and right seldom have the same.

    Each on its own, both ankles are often sure of the same foot. Places ``l`` and ``r`` of a pair
    are those with the highest ``log s(l) + log s(r) - 2 exp(-|l - r|^2 / (2 a^2))``.

    Args:
        support: How much weight agrees with each place.
        places: In [0, 1] of the crop.
        sides: Positions of joints of limbs, left and right.
    """
    best = support.argmax(-1)
    left, right = sides.unbind()
    together = _alike(places[:, left], places[:, right])
    log_support = support.log()
    odds = log_support[:, left, :, None] + log_support[:, right, None] - _IN_ONE_PLACE * together
    pair = odds.flatten(2).argmax(-1)
    count = places.shape[2]
    best = best.index_copy(1, left, pair // count)
    return best.index_copy(1, right, pair % count)


def _alike(
    places: Places, others: Float[Tensor, "batch joint other 2"]
) -> Float[Tensor, "batch joint place other"]:
    """How far places agree: a Gaussian of their distance."""
    gap = (places[:, :, :, None] - others[:, :, None]).square().sum(-1)
    return torch.exp(-0.5 * gap / _AGREEING**2)


def _seen_by(
    prior: Prior, places: Float[Tensor, "batch joint place 2"], grid: tuple[int, int]
) -> Float[Tensor, "batch joint place"]:
    """What a prior adds to the logits of places: the logarithm of its weight.

    Nothing for a person whom it has not seen.
    """
    weight = led_by_prior(
        near_in_cells(places, prior[:, :, None, :2], grid, PRIOR_SOFTENING), prior[..., 2:]
    )
    return torch.where(has_seen(prior[..., 2])[..., None], weight.log(), 0.0)


def _of_joints(values: Float[Tensor, "batch frame joint candidate n"]) -> Tensor:
    """``[batch, joint, frame * candidate, n]``: all candidates of a joint side by side."""
    return values.transpose(1, 2).flatten(2, 3)
