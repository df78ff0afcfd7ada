"""DSTA on top of a pose network that stays as it is: tokens of its answers, and a choice of them.

Not in the paper. The backbone gives a vector for each of COCO's joints in a frame
(`MoveNetJoints`); what STD has to learn is no longer where joints are, but which answers to
believe.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.movenet_joints import ALONE, DESCRIBED, KNOWN, JointAnswers
from vidpose.convert import mixing_matrix
from vidpose.heads.movenet import SOFTENING, weight_with_prior
from vidpose.heads.prior import PRIOR_SOFTENING, Prior, has_seen, led_by_prior
from vidpose.layers.positions import sine_cosine
from vidpose.layers.sizes import x_and_y
from vidpose.models.dsta.joint_tokens import JFD
from vidpose.models.dsta.space_time import ClipTokens
from vidpose.skeleton import COCO17, Skeleton

# For each joint of a frame: the network's place for it, the second peak of its heatmap, and the
# place of the joint on the other side, with which it may have been confused.
CANDIDATES = 3
# Of the shortest wave in a crop: places a few percent apart look different.
_WAVES = 16
# Before training, the odds of the key frame's own place against every other candidate: e^4.
_OWN_PLACE = 4.0
# Candidates at this distance from the truth, in sides of the crop, count e^-0.5 of one on it.
_NEAR = 0.02
# Candidates at this distance from each other, in sides of the crop, agree by e^-0.5.
_AGREEING = 0.08

Candidates = Float[Tensor, "*frames joint candidate 2"]
ClipCandidates = Float[Tensor, "batch frame joint candidate 2"]
JointFeatures = Float[Tensor, "batch joint width"]
# Logits of all candidates of a joint.
Belief = Float[Tensor, "batch joint frame*candidate"]


class KnownJFD(JFD):
    """A token for every joint, of its vector, that of the other side, and where all joints are.

    Frames may be a batch, or have more axes: ``[batch, frame, ...]`` in, the same out.

    Args:
        skeleton: The joints of the tokens. What is known of those that COCO lacks is a mix.
        width: Channels of a token, a multiple of 4.
        grid: Rows and columns of the backbone's heatmaps, in whose cells its decoding measures how
            far a place is from a prior's.

    Raises:
        ValueError: The width is no such multiple.
    """

    mix: Tensor
    other_side: Tensor
    coco: Tensor
    told: Tensor

    def __init__(self, skeleton: Skeleton, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"joint tokens of places need a multiple of 4 channels, not {width}")
        self.width, self.grid = width, grid
        self.norm = nn.LayerNorm(DESCRIBED - KNOWN)
        self.own = nn.Linear(DESCRIBED + 2 * width, width)
        self.opposite = nn.Linear(DESCRIBED + 2 * width, width)
        self.everybody = nn.Linear(3 * len(COCO17), width)
        self.classes = nn.Parameter(torch.zeros(len(skeleton), width))
        nn.init.trunc_normal_(self.classes, std=0.02)
        mix = torch.tensor(mixing_matrix(COCO17, skeleton))
        self.register_buffer("mix", mix, persistent=False)
        swap = torch.tensor(skeleton.flip_permutation)
        self.register_buffer("other_side", swap, persistent=False)
        told = torch.tensor([joint in skeleton.joints for joint in COCO17.joints])
        self.register_buffer("told", told[:, None], persistent=False)
        places = [
            skeleton.index(joint) if joint in skeleton.joints else 0 for joint in COCO17.joints
        ]
        self.register_buffer("coco", torch.tensor(places), persistent=False)

    def led(self, features: Features, prior: Prior) -> Features:
        """Features of clips as a prior of the skeleton's joints leads them, see `led`."""
        return Features((led(features.last, prior[:, self.coco], self.grid, self.told),))

    def candidates(self, features: Features) -> Candidates:
        """Places in [0, 1] of the crop where each joint may be; the first is the likely one."""
        first, second = self._places(JointAnswers.of(features.last))
        return torch.stack([first, second, first[..., self.other_side, :]], -2)

    def forward(self, features: Features) -> Float[Tensor, "*frames joint width"]:
        """Tokens in which places are also waves, so that attention can tell which agree."""
        vectors = features.last
        answers = JointAnswers.of(vectors)
        of_joints = self.mix @ torch.cat([vectors[..., :KNOWN], self.norm(answers.features)], -1)
        waves = [sine_cosine(_WAVES * places, self.width) for places in self._places(answers)]
        described = torch.cat([of_joints, *waves], -1)
        places = torch.cat([answers.place, answers.score], -1).flatten(-2)
        tokens = self.own(described) + self.opposite(described[..., self.other_side, :])
        return tokens + self.everybody(places)[..., None, :] + self.classes

    def _places(self, answers: JointAnswers) -> tuple[Tensor, Tensor]:
        first = answers.place + 0.5
        return self.mix @ first, self.mix @ (first + answers.second)


class ChosenPlace(nn.Module):
    """A joint's coordinates: a mean of the candidates of all frames, and how far that is off.

    The mean is weighted by attention: the joint's feature asks, and a candidate answers with its
    place and with the token of its frame. Only candidates around the place with most of the weight
    take part (`agreeing`), so that a knee is never put between two knees. Before training it is the
    key frame's own place.

    Args:
        width: Channels of a joint's feature.
        token_width: Channels of a token.
        frames: Of a clip.
        key: Position of the key frame.
        grid: Rows and columns of the backbone's heatmaps, in whose cells its decoding measures how
            far a place is from a prior's.
    """

    start: Tensor

    def __init__(
        self, width: int, token_width: int, frames: int, key: int, grid: tuple[int, int]
    ) -> None:
        super().__init__()
        self.grid = grid
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
        weight = agreeing(believed.softmax(-1), places)[..., None]
        chosen: Tensor = (weight * places).sum(2) + self.shift(self.norm(joint_features))
        return chosen

    def logits(
        self, joint_features: JointFeatures, candidates: ClipCandidates, tokens: ClipTokens
    ) -> Belief:
        """How much each candidate is believed."""
        normed = self.norm(joint_features)
        waves = sine_cosine(_WAVES * candidates, tokens.shape[-1])
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


def agreeing(
    weight: Float[Tensor, "batch joint place"], places: Float[Tensor, "batch joint place 2"]
) -> Float[Tensor, "batch joint place"]:
    """The weights of those places that agree with the one most of the weight agrees with.

    One step of mean shift from the best of the places: its neighbours count by a Gaussian of their
    distance to it. The weights of a joint sum to 1, before and after.
    """
    gap = (places[:, :, :, None] - places[:, :, None]).square().sum(-1)
    near = torch.exp(-0.5 * gap / _AGREEING**2)
    best = (near * weight[:, :, None]).sum(-1, keepdim=True).argmax(2, keepdim=True)
    weight = weight * near.gather(2, best.expand_as(near[:, :, :1]))[:, :, 0]
    return weight / weight.sum(-1, keepdim=True)


def led(
    vectors: Float[Tensor, "batch frame joint channels"],
    prior: Prior,
    grid: tuple[int, int],
    told: Bool[Tensor, "joint 1"],
) -> Float[Tensor, "batch frame joint channels"]:
    """Vectors with the places that the backbone would answer with this prior, and their scores.

    Where MoveNet's decoder with the prior prefers another peak of the heatmap, that is the place,
    and the score its height; all else stays as the network saw it. The key frame's prior is taken
    for its neighbours as well: they show the person nearly there, and left alone would speak with
    one voice for the wrong peak.

    Args:
        vectors: Of `MoveNetJoints`.
        prior: Of COCO's joints. Nothing changes for a person whom it has not seen.
        grid: Rows and columns of the backbone's heatmaps.
        told: Of which joints the prior can tell; the others stay.
    """
    answers = JointAnswers.of(vectors)
    own, places = answers.place + 0.5, answers.peak_places()
    expected = (own + answers.expected)[..., None, :]

    def weight_of(places: Tensor) -> Tensor:
        seen = _near(places, prior[:, None, :, None, :2], grid, PRIOR_SOFTENING)
        as_expected = _near(places, expected, grid, SOFTENING)
        return weight_with_prior(seen, prior[:, None, :, 2:], as_expected)

    weight, best = (answers.heights * weight_of(places)).max(-1, keepdim=True)
    # The place itself is often on a slope, where the network's own expectation was.
    better = weight > answers.score * weight_of(own[..., None, :])
    found = places.gather(-2, best[..., None].expand_as(places[..., :1, :]))[..., 0, :]
    cells = x_and_y(grid[1], grid[0], own)
    another = (cells * (found - own)).norm(dim=-1, keepdim=True) > ALONE
    taken = has_seen(prior[..., 2])[..., None, None] & told & another & better
    place = torch.where(taken, found - 0.5, answers.place)
    score = torch.where(taken, answers.heights.gather(-1, best), answers.score)
    return answers.put_at(place)._replace(score=score).joined()


def _seen_by(
    prior: Prior, places: Float[Tensor, "batch joint place 2"], grid: tuple[int, int]
) -> Float[Tensor, "batch joint place"]:
    """What a prior adds to the logits of places: the logarithm of its weight.

    Nothing for a person whom it has not seen.
    """
    weight = led_by_prior(
        _near(places, prior[:, :, None, :2], grid, PRIOR_SOFTENING), prior[..., 2:]
    )
    return torch.where(has_seen(prior[..., 2])[..., None], weight.log(), 0.0)


def _near(
    places: Float[Tensor, "*dims 2"],
    to: Float[Tensor, "*#dims 2"],
    grid: tuple[int, int],
    softening: float,
) -> Float[Tensor, "*dims"]:
    """1 / (distance + softening) of places, the distance in cells."""
    cells = x_and_y(grid[1], grid[0], places)
    return 1 / ((cells * (places - to)).norm(dim=-1) + softening)


def _of_joints(values: Float[Tensor, "batch frame joint candidate n"]) -> Tensor:
    """``[batch, joint, frame * candidate, n]``: all candidates of a joint side by side."""
    return values.transpose(1, 2).flatten(2, 3)
