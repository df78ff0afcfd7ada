"""Both steps of the models as ONNX graphs: they export, and ONNX Runtime agrees with torch."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.models.base import ModelConfig, PoseModel
from vidpose.models.dsta import DSTAConfig
from vidpose.models.vremd import VREMDConfig

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

DSTA = DSTAConfig(backbone="resnet18", size=(64, 64), offsets=(-1, 0, 1))
VREMD = VREMDConfig(
    backbone="resnet18",
    size=(64, 64),
    width=16,
    heads=2,
    human_depth=1,
    keypoint_depth=1,
    motion_depth=1,
)
ROWS: dict[str, ModelConfig] = {
    "dsta": DSTA,
    "dsta on a plain transformer": DSTA.model_copy(update={"backbone": "vit-s", "size": (32, 32)}),
    "dsta, unequal groups": DSTA.model_copy(update={"skeleton": "coco17"}),
    "dsta, sampled": DSTA.model_copy(update={"jfd": "sampled"}),
    "vremd": VREMD,
    "vremd, deformable convolution": VREMD.model_copy(
        update={"motion": "convolution", "separate": False}
    ),
    "vremd, deformable attention": VREMD.model_copy(
        update={"motion": "attention", "separate": False}
    ),
}


class Encode(nn.Module):
    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        return self.model.encode(frames).levels


class Aggregate(nn.Module):
    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *levels: Tensor) -> tuple[Tensor, ...]:
        output = self.model.aggregate(Features(levels))
        return tuple(value for value in output if value is not None)


def steps(config: ModelConfig) -> tuple[PoseModel, list[nn.Module]]:
    torch.manual_seed(0)
    model = config.build().eval().requires_grad_(False)
    return model, [Encode(model).eval(), Aggregate(model).eval()]


def inputs(model: PoseModel, step: nn.Module, batch: int) -> tuple[Tensor, ...]:
    torch.manual_seed(batch)
    frames = torch.rand(batch * len(model.offsets), 3, *model.crop.size) * 255
    if isinstance(step, Encode):
        return (frames,)
    return tuple(level.unflatten(0, (batch, -1)) for level in model.encode(frames).levels)


def traced(step: nn.Module, args: tuple[Tensor, ...], file: Path) -> bytes:
    """The graph at opset 17, which only the older of torch's exporters writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(step, args, file, dynamo=False, opset_version=17)
    return file.read_bytes()


def exported(step: nn.Module, args: tuple[Tensor, ...]) -> bytes:
    """The graph for any batch at opset 18, the newer exporter's oldest."""
    batch = torch.export.Dim("batch", min=1, max=64)
    shapes = ({0: batch},) * len(args)
    program = torch.onnx.export(
        step,
        args,
        dynamo=True,
        opset_version=18,
        verbose=False,
        dynamic_shapes=shapes if isinstance(step, Encode) else (shapes,),
    )
    assert program is not None
    graph: bytes = program.model_proto.SerializeToString()
    return graph


def agrees(graph: bytes, step: nn.Module, args: tuple[Tensor, ...]) -> None:
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    found = session.run(None, {name: x.numpy() for name, x in zip(names, args, strict=True)})
    for array, expected in zip(found, step(*args), strict=True):
        np.testing.assert_allclose(array, expected.numpy(), atol=1e-4, rtol=0)


def opset(graph: bytes) -> int:
    versions = {x.domain: x.version for x in onnx.load_model_from_string(graph).opset_import}
    return int(versions[""])


@pytest.mark.parametrize("config", ROWS.values(), ids=ROWS)
def test_both_steps_are_graphs_of_opset_17(config: ModelConfig, tmp_path: Path) -> None:
    model, both = steps(config)
    for step in both:
        args = inputs(model, step, 2)
        graph = traced(step, args, tmp_path / "graph.onnx")
        assert opset(graph) == 17
        agrees(graph, step, args)


@pytest.mark.slow
@pytest.mark.parametrize("config", [DSTA, VREMD], ids=["dsta", "vremd"])
def test_both_steps_are_graphs_for_any_number_of_people(config: ModelConfig) -> None:
    model, both = steps(config)
    for step in both:
        graph = exported(step, inputs(model, step, 2))
        assert opset(graph) == 18
        for people in (1, 3):
            agrees(graph, step, inputs(model, step, people))
