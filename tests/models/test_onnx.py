"""Both steps of the models as ONNX graphs: they export, and ONNX Runtime agrees with torch."""

import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from small_models import DSTA, SMALL, VARIANTS
from vidpose.backbones.base import Features
from vidpose.backbones.movenet_joints import DESCRIBED, PEAKS, highest_peaks
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.heads.movenet import pairs_of_map
from vidpose.models.base import ModelConfig, PoseModel

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

MODELS: dict[str, ModelConfig] = SMALL | {
    "dsta, known": DSTA.model_copy(
        update={"jfd": "known", "backbone": "movenet-lightning-joints", "skeleton": "body19"}
    ),
}


class Encode(nn.Module):
    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        return self.model.encode(frames).levels


class Aggregate(nn.Module):
    def __init__(self, model: PoseModel, *, prior: bool = False) -> None:
        super().__init__()
        self.model, self.prior = model, prior

    def forward(self, *args: Tensor) -> tuple[Tensor, ...]:
        levels, prior = (args[:-1], args[-1]) if self.prior else (args, None)
        output = self.model.aggregate(Features(levels), prior)
        return tuple(value for value in output if value is not None)


class Decode(nn.Module):
    def __init__(self, codec: HeatmapCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, heatmaps: Tensor, prior: Tensor | None = None) -> tuple[Tensor, ...]:
        return self.codec.decode(heatmaps, prior)


def steps(config: ModelConfig) -> tuple[PoseModel, list[nn.Module]]:
    torch.manual_seed(0)
    model = config.build().eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        # Untrained heads give maps of nearly zero, where a decoder has little to do.
        if name.startswith("head") and weight.ndim > 1:
            nn.init.xavier_normal_(weight)
    every = [Encode(model), Aggregate(model)]
    if model.uses_prior:
        every.append(Aggregate(model, prior=True))
    return model, [step.eval() for step in every]


def inputs(model: PoseModel, step: nn.Module, batch: int) -> tuple[Tensor, ...]:
    torch.manual_seed(batch)
    frames = torch.rand(batch * len(model.offsets), 3, *model.crop.size) * 255
    if isinstance(step, Encode):
        return (frames,)
    levels = tuple(level.unflatten(0, (batch, -1)) for level in model.encode(frames).levels)
    if not step.prior:
        return levels
    prior = torch.rand(batch, len(model.skeleton), 3)
    prior[1:2, :, 2] = 0  # of this person the detector knows no joint
    return (*levels, prior)


def traced(step: nn.Module, args: tuple[Tensor, ...], file: Path) -> bytes:
    """The graph for any batch at opset 17, which only the older of torch's exporters writes."""
    names = [f"input{i}" for i in range(len(args))]
    results = [f"output{i}" for i in range(len(step(*args)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            step,
            args,
            file,
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=results,
            dynamic_axes={name: {0: "batch"} for name in names + results},
        )
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
        if array.shape[-1] == DESCRIBED + 3 * PEAKS:
            # Heatmaps of random weights are nearly flat: which of two equal cells is the peak is
            # left to rounding. Clear peaks have a test of their own.
            array, expected = array[..., :DESCRIBED], expected[..., :DESCRIBED]
        np.testing.assert_allclose(array, expected.numpy(), atol=1e-4, rtol=0)


def opset(graph: bytes) -> int:
    versions = {x.domain: x.version for x in onnx.load_model_from_string(graph).opset_import}
    return int(versions[""])


def rows(quick: Mapping[str, ModelConfig], slow: Mapping[str, ModelConfig]) -> list[object]:
    return [
        *(pytest.param(config, id=name) for name, config in quick.items()),
        *(pytest.param(config, id=name, marks=pytest.mark.slow) for name, config in slow.items()),
    ]


@pytest.mark.parametrize("config", rows(MODELS, VARIANTS))
def test_all_steps_are_graphs_of_opset_17_for_any_number_of_people(
    config: ModelConfig, tmp_path: Path
) -> None:
    model, every = steps(config)
    for step in every:
        graph = traced(step, inputs(model, step, 2), tmp_path / "graph.onnx")
        assert opset(graph) == 17
        for people in (1, 3):
            agrees(graph, step, inputs(model, step, people))


@pytest.mark.parametrize("config", rows({}, MODELS))
def test_all_steps_are_graphs_of_the_newer_exporter(config: ModelConfig) -> None:
    model, every = steps(config)
    for step in every:
        graph = exported(step, inputs(model, step, 2))
        assert opset(graph) == 18
        for people in (1, 3):
            agrees(graph, step, inputs(model, step, people))


@pytest.mark.parametrize("decoder", ["quarter", "dark", "udp", "middle"])
@pytest.mark.parametrize("led", [False, True])
def test_a_graph_decodes_clear_peaks_as_torch_does(
    decoder: Decoder, led: bool, tmp_path: Path
) -> None:
    codec = HeatmapCodec((24, 16), 2.0, decoder)

    def drawn(batch: int) -> tuple[Tensor, ...]:
        """Joints inside, one in a corner, and one that is not there; with a prior beside them."""
        torch.manual_seed(batch)
        xy_norm = torch.rand(batch, 9, 2)
        xy_norm[:, 0] = 0
        weight = torch.ones(batch, 9)
        weight[:, 1] = 0
        heatmaps, _ = codec.encode(xy_norm, weight)
        return (heatmaps, torch.rand(batch, 9, 3)) if led else (heatmaps,)

    step = Decode(codec).eval()
    graph = traced(step, drawn(2), tmp_path / "graph.onnx")
    for people in (1, 3):
        agrees(graph, step, drawn(people))


class Peaks(nn.Module):
    def forward(self, maps: Tensor, place: Tensor, offsets: Tensor) -> tuple[Tensor, ...]:
        return highest_peaks(maps, place, partial(pairs_of_map, offsets))


def test_a_graph_finds_clear_peaks_as_torch_does(tmp_path: Path) -> None:
    def drawn(batch: int) -> tuple[Tensor, ...]:
        """Heights of cells at least 0.002 apart, with too few peaks in some maps."""
        torch.manual_seed(batch)
        heights = torch.stack([torch.randperm(16 * 12) for _ in range(batch * 5)])
        maps = (heights / 400).reshape(batch, 5, 16, 12)
        maps[:, 0] = torch.arange(16 * 12).reshape(16, 12) / 400
        return maps, torch.rand(batch, 5, 2), torch.randn(batch, 10, 16, 12)

    graph = traced(Peaks(), drawn(2), tmp_path / "graph.onnx")
    for people in (1, 3):
        agrees(graph, Peaks(), drawn(people))
