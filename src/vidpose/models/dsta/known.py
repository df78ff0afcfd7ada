"""DSTA on top of a pose network that stays as it is: tokens of its answers.

Not in the paper. The backbone gives a vector for each of COCO's joints in a frame
(`MoveNetJoints`); what STD has to learn is no longer where joints are, but which answers to
believe (`vidpose.models.dsta.chosen_place.ChosenPlace`).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.movenet_joints import ALONE, DESCRIBED, KNOWN, JointAnswers
from vidpose.convert import mixing_matrix
from vidpose.heads.movenet import SOFTENING, weight_with_prior
from vidpose.heads.prior import PRIOR_SOFTENING, Prior, has_seen, near_in_cells
from vidpose.layers.positions import sine_cosine
from vidpose.layers.sizes import x_and_y
from vidpose.models.dsta.joint_tokens import JFD
from vidpose.skeleton import COCO17, Skeleton

# For each joint of a frame: the network's place for it, the second peak of its heatmap, and the
# place of the joint on the other side, with which it may have been confused.
CANDIDATES = 3
# Of the shortest wave in a crop: places a few percent apart look different.
WAVES = 16

Candidates = Float[Tensor, "*frames joint candidate 2"]
ClipCandidates = Float[Tensor, "batch frame joint candidate 2"]


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
        waves = [sine_cosine(WAVES * places, self.width) for places in self._places(answers)]
        described = torch.cat([of_joints, *waves], -1)
        places = torch.cat([answers.place, answers.score], -1).flatten(-2)
        tokens = self.own(described) + self.opposite(described[..., self.other_side, :])
        return tokens + self.everybody(places)[..., None, :] + self.classes

    def _places(self, answers: JointAnswers) -> tuple[Tensor, Tensor]:
        first = answers.place + 0.5
        return self.mix @ first, self.mix @ (first + answers.second)


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
        seen = near_in_cells(places, prior[:, None, :, None, :2], grid, PRIOR_SOFTENING)
        as_expected = near_in_cells(places, expected, grid, SOFTENING)
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
