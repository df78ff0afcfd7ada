"""Options that a model only passes on: if one were forgotten, all else would go on as before."""

import pytest
import torch

from learning import batch, losses
from small_models import DSTA, VREMD
from vidpose.models.base import ModelConfig

# As quick as they come.
QUICK: dict[str, ModelConfig] = {
    "dsta": DSTA.model_copy(update={"backbone": "movenet-lightning", "jfd": "pooled"}),
    "vremd": VREMD.model_copy(update={"backbone": "movenet-lightning", "size": (64, 32)}),
}


@pytest.mark.parametrize(
    ("kind", "base", "option"),
    [
        ("dsta", {}, {"prior_mean": 0.5}),
        ("dsta", {}, {"centred": False}),
        ("dsta", {}, {"normalised": True}),
        ("dsta", {"jfd": "branches"}, {"normalised": True}),
        ("dsta", {}, {"norm": "post"}),
        ("dsta", {}, {"fusion": "sum"}),
        ("vremd", {"keypoint_mask": False}, {"mask_scale": "root"}),
        ("vremd", {"human_mask": False}, {"mask_scale": "root"}),
        ("vremd", {"human_mask": False}, {"unit_mask": True}),
        ("vremd", {}, {"sigma": 3.0}),
        ("vremd", {}, {"reduction": "place"}),
        ("vremd", {}, {"separate": False}),
    ],
    ids=str,
)
def test_an_option_changes_what_is_learnt(
    kind: str, base: dict[str, object], option: dict[str, object]
) -> None:
    found = []
    for changes in (base, base | option):
        # The seed is the same, and so are all weights whose shapes are.
        torch.manual_seed(0)
        model = QUICK[kind].model_copy(update=changes).build().eval().requires_grad_(False)
        found.append(losses(model, *batch(model)))
    default, other = found
    assert [name for name in default if torch.equal(default[name], other[name])] == []
