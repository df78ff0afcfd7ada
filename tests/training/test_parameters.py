import pytest
import torch
from torch import nn
from training_toys import ToyConfig, ToyModel

from vidpose.backbones import registry
from vidpose.errors import VidposeError
from vidpose.training.config import OptimizerConfig
from vidpose.training.parameters import build_optimizer, parameter_groups


def groups_by_name(config: OptimizerConfig, model: ToyModel) -> dict[str, tuple[float, float]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["peak"], group["weight_decay"])
        for group in parameter_groups(config, model)
        for parameter in group["params"]
    }


def test_only_matrices_that_are_no_positions_decay() -> None:
    model = ToyConfig().build()
    # As a public vision transformer calls them.
    model.backbone.pos_embed = nn.Parameter(torch.zeros(1, 4, 4))
    found = groups_by_name(OptimizerConfig(lr=1.0, weight_decay=0.1), model)
    assert found.keys() == dict(model.named_parameters()).keys()
    assert {name for name, (_, decay) in found.items() if decay == 0.1} == {
        "backbone.first.weight",
        "backbone.second.weight",
        "head.weight",
    }


def test_deeper_layers_learn_faster() -> None:
    found = groups_by_name(OptimizerConfig(lr=1.0, layer_decay=0.5), ToyConfig().build())
    assert found["backbone.first.bias"] == (0.25, 0.0)
    assert found["backbone.second.weight"] == (0.5, 0.0)
    assert found["head.weight"] == found["position"] == (1.0, 0.0)


def test_the_running_means_of_all_groups_are_as_asked() -> None:
    config = OptimizerConfig(lr=1.0, betas=(0.5, 0.6), layer_decay=0.5)
    groups = build_optimizer(config, ToyConfig().build()).param_groups
    assert {group["betas"] for group in groups} == {(0.5, 0.6)}


def test_frozen_parameters_are_left_out_and_nothing_left_is_an_error() -> None:
    model = ToyConfig().build()
    model.backbone.requires_grad_(False)
    found = groups_by_name(OptimizerConfig(lr=1.0, layer_decay=0.5), model)
    assert found.keys() == {"head.weight", "head.bias", "position"}
    model.requires_grad_(False)
    with pytest.raises(VidposeError, match="no other parameters"):
        build_optimizer(OptimizerConfig(lr=1.0), model)


def test_a_backbone_without_layers_has_no_rates_by_layer() -> None:
    model = ToyConfig().build()
    model.backbone = registry.build("resnet18")
    with pytest.raises(VidposeError, match="ResNet has no layers"):
        build_optimizer(OptimizerConfig(lr=1.0, layer_decay=0.5), model)
    build_optimizer(OptimizerConfig(lr=1.0), model)


def test_small_gradients_are_learnt_from_where_eps_is_smaller_still() -> None:
    steps = []
    for eps in (1e-8, 1e-14):
        model = ToyConfig().build()
        optimiser = build_optimizer(OptimizerConfig(lr=0.1, eps=eps), model)
        before = model.head.weight.detach().clone()
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 1e-11)
        optimiser.step()
        steps.append(float((before - model.head.weight.detach()).mean()))
    assert steps == pytest.approx([1e-4, 0.1], rel=0.02)
