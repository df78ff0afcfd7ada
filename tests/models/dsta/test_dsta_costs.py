"""DSTA's costs against the paper's, and against formulas worked out by hand."""

import pytest
import torch

from vidpose.costs import macs
from vidpose.models.cost import Cost, measure
from vidpose.models.dsta import DSTA, DSTAConfig
from vidpose.models.dsta.complexity import complexity
from vidpose.models.dsta.space_time import SpaceTimeDecoupling

HRNET = {"backbone": "hrnet-w48", "size": (384, 288), "offsets": (-1, 0, 1)}
RESNET = {"backbone": "resnet50", "offsets": (-1, 0, 1)}


def on_meta(**changes: object) -> DSTA:
    with torch.device("meta"):
        return DSTAConfig.model_validate(changes).build().eval()


@pytest.fixture(scope="module")
def hrnet() -> Cost:
    return measure(on_meta(**HRNET))


def test_dsta_adds_little_to_its_backbone(hrnet: Cost) -> None:
    added = hrnet.parameters - hrnet.backbone_parameters - hrnet.training_only
    assert 0.25e6 < added < 0.36e6
    assert hrnet.training_only == 53_784  # the flow of RLE


def test_the_whole_is_the_63_9_million_of_table_3(hrnet: Cost) -> None:
    assert (hrnet.parameters - hrnet.training_only) / 1e6 == pytest.approx(63.886, abs=2e-3)


def test_the_backbone_is_the_35_5_g_of_table_3(hrnet: Cost) -> None:
    assert hrnet.backbone / 1e9 == pytest.approx(35.3, rel=0.01)


def test_the_head_is_below_the_0_03_g_of_table_3(hrnet: Cost) -> None:
    assert 3 * hrnet.embed + hrnet.aggregate < 0.03e9


def test_streaming_runs_each_step_once_a_frame(hrnet: Cost) -> None:
    assert hrnet.clip - hrnet.stream == 2 * (hrnet.backbone + hrnet.embed)


def test_the_parts_are_the_5_0_m_of_table_5() -> None:
    model = on_meta(**RESNET)
    costs = measure(model)
    assert (3 * costs.embed + costs.aggregate) / 1e6 == pytest.approx(4.965, rel=0.01)
    tokens = torch.zeros(1, 3, 15, 32, device="meta")
    assert isinstance(model.std, SpaceTimeDecoupling)
    spatial, temporal = model.std.spatial, model.std.temporal
    assert costs.embed / 1e6 == pytest.approx(0.983, abs=1e-3)
    assert macs(spatial, tokens) / 1e6 == pytest.approx(0.503, abs=1e-3)
    assert macs(temporal, tokens) / 1e6 == pytest.approx(1.509, abs=1e-3)


def test_streaming_keeps_a_token_of_each_joint() -> None:
    assert measure(on_meta(**RESNET)).cache_bytes == 15 * 32 * 4


def test_pairs_of_tokens_are_those_of_the_formulas() -> None:
    both = complexity(DSTAConfig(offsets=(-1, 0, 1)))
    assert both.coupled_pairs == (15 * 3) ** 2
    assert both.decoupled_pairs == 15 * 3**2 + 5 * 3**2
    assert both.coupled_pairs / both.decoupled_pairs == 11.25
    wide = complexity(DSTAConfig(offsets=(-2, -1, 0, 1, 2)))
    assert (wide.coupled_pairs, wide.decoupled_pairs) == (75**2, 15 * 25 + 45)


def test_unequal_groups_count_each_for_itself() -> None:
    both = complexity(DSTAConfig(skeleton="coco17", offsets=(0,)))
    assert both.decoupled_pairs == 17 + 5**2 + 4 * 3**2


def test_projections_rule_at_15_joints() -> None:
    both = complexity(DSTAConfig(offsets=(-1, 0, 1)))
    assert both.coupled_macs / 1e6 == pytest.approx(1.99, abs=0.01)
    assert both.decoupled_macs / 1e6 == pytest.approx(2.01, abs=0.01)
