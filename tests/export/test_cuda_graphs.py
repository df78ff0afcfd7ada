"""Steps recorded for sizes of batch: on a CPU by a stand-in that keeps a graph's promises."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from small_models import DSTA, SDTC, SMALL, VREMD, shipped_kinds
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator, Subject
from vidpose.export import cuda_graphs, recording
from vidpose.export.cuda_graphs import CudaGraphModel
from vidpose.export.graphs import Aggregate, Encode
from vidpose.export.recording import GraphedStep, Replay, Step, bucket
from vidpose.frame import Frame
from vidpose.models.base import ModelConfig, PoseModel

VARIANTS: dict[str, ModelConfig] = {
    "dsta, sampled": DSTA.model_copy(update={"jfd": "sampled"}),
    "dsta, known": DSTA.model_copy(update={"jfd": "known", "backbone": "movenet-lightning-joints"}),
    "vremd, known": VREMD.model_copy(
        update={"known": True, "decoder": "middle", "backbone": "movenet-lightning-person"}
    ),
    "vremd, deformable convolution": VREMD.model_copy(
        update={"motion": "convolution", "separate": False}
    ),
    "vremd, deformable attention": VREMD.model_copy(
        update={"motion": "attention", "separate": False}
    ),
    "sdtc, patch level alone": SDTC.model_copy(update={"motion": "patch"}),
}
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class StandIn:
    """Records nothing, but treats memory as graphs in a common pool do.

    A replay reads the tensors that were recorded and writes those it gave before; all that other
    replays gave is spoilt by it.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._given: list[tuple[Tensor, ...]] = []

    def __call__(self, step: Step, inputs: tuple[Tensor, ...]) -> Replay:
        outputs = step(*inputs)
        self.sizes.append(len(inputs[0]))
        self._given.append(outputs)

        def replay() -> tuple[Tensor, ...]:
            found = step(*inputs)
            for given in self._given:
                for each in given:
                    each.fill_(7)
            for place, value in zip(outputs, found, strict=True):
                place.copy_(value)
            return outputs

        return replay


def model_of(config: ModelConfig) -> PoseModel:
    torch.manual_seed(0)
    model = config.build().eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        # Untrained heads give maps of nearly zero, where a decoder has little to do.
        if name.startswith("head") and weight.ndim > 1:
            torch.nn.init.xavier_normal_(weight)
    return model


def clips_of(model: PoseModel, count: int, seed: int = 0) -> Tensor:
    shape = (count, len(model.offsets), *model.crop.size, 3)
    noise = torch.Generator().manual_seed(seed)
    crops = torch.randint(0, 256, shape, generator=noise, dtype=torch.uint8)
    return crops.to(model.device).permute(0, 1, 4, 2, 3)


def prior_of(model: PoseModel, count: int) -> Tensor | None:
    if not model.uses_prior:
        return None
    return torch.rand(count, len(model.skeleton), 3, device=model.device)


def test_a_bucket_is_the_least_power_of_two_that_holds_the_batch() -> None:
    for count in range(1, 130):
        powers = [2**n for n in range(9) if 2**n >= count]
        assert bucket(count) == powers[0]


def test_rows_are_filled_up_and_taken_off_again() -> None:
    record = StandIn()
    step = GraphedStep(lambda a, b: (2 * a, a.float() + b.sum(1, keepdim=True)), record)
    kept = []
    for count in (3, 1, 4, 2, 3, 1):
        a, b = torch.randint(9, (count, 1)), torch.rand(count, 5)
        double, total = step(a, b)
        kept.append((double, 2 * a))
        kept.append((total, a + b.sum(1, keepdim=True)))
    # Looked at last: nothing that was given may be overwritten by a later call.
    for found, expected in kept:
        torch.testing.assert_close(found, expected)
    assert record.sizes == [4, 1, 2]


def test_no_rows_and_very_many_are_not_recorded() -> None:
    record = StandIn()
    step = GraphedStep(lambda a: (a + 1,), record)
    for count in (0, recording._LARGEST + 1):
        torch.testing.assert_close(step(torch.zeros(count, 2))[0], torch.ones(count, 2))
    assert record.sizes == []
    step(torch.zeros(recording._LARGEST, 2))
    assert record.sizes == [recording._LARGEST]


def test_every_kind_of_model_is_tried() -> None:
    assert set(SMALL) == shipped_kinds()


@pytest.mark.parametrize("kind", SMALL)
def test_it_answers_as_the_model_does(kind: str) -> None:
    model = model_of(SMALL[kind])
    graphs = CudaGraphModel(model, StandIn())
    kept = []
    for count in (0, 3, 1):
        clip, prior = clips_of(model, count, seed=count), prior_of(model, count)
        with torch.inference_mode():
            kept.append((graphs(clip, prior), model(clip, prior)))
    for found, expected in kept:
        torch.testing.assert_close(found.xy_norm, expected.xy_norm, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.score, expected.score, atol=1e-5, rtol=0)
        assert (found.sigma is None) == (expected.sigma is None)
        if expected.sigma is not None:
            torch.testing.assert_close(found.sigma, expected.sigma, atol=1e-5, rtol=0)


def test_it_goes_where_a_torch_model_goes() -> None:
    model = model_of(DSTA)
    record = StandIn()
    graphs = CudaGraphModel(model, record).eval()
    assert graphs.device == model.device and graphs.key == model.key
    images = np.random.default_rng(0).integers(0, 256, (9, 90, 80, 3), dtype=np.uint8)
    frames = [Frame(i, i / 25, image) for i, image in enumerate(images)]
    everybody = [Subject(i, np.array([10.0 + i, 5, 60, 80])) for i in range(3)]
    ours, theirs = ClipEstimator(graphs, "hold"), ClipEstimator(model, "hold")
    for key in range(1, 8):
        clip, people = tuple(frames[key - 1 : key + 2]), everybody[: 1 + key % 3]
        for found, expected in zip(ours(clip, people), theirs(clip, people), strict=True):
            np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=0.01)
            np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert set(record.sizes) <= {1, 2, 4, 8, 16}


def test_it_works_in_and_outside_of_inference_mode() -> None:
    model = model_of(DSTA)
    graphs = CudaGraphModel(model, StandIn())
    clip = clips_of(model, 1)
    with torch.inference_mode():
        within = graphs(clip).xy_norm
    torch.testing.assert_close(graphs(clip).xy_norm, within)


def test_moved_it_records_anew() -> None:
    model = model_of(DSTA)
    record = StandIn()
    graphs = CudaGraphModel(model, record)
    before = graphs(clips_of(model, 1)).xy_norm
    made = len(record.sizes)
    graphs(clips_of(model, 1))
    assert len(record.sizes) == made
    after = graphs.to(torch.float64).to(torch.float32)(clips_of(model, 1)).xy_norm
    assert len(record.sizes) == 2 * made
    torch.testing.assert_close(after, before)


def test_on_a_cpu_it_is_its_model() -> None:
    model = model_of(DSTA)
    clip = clips_of(model, 3)
    with torch.inference_mode():
        expected = model(clip).xy_norm
    torch.testing.assert_close(CudaGraphModel(model)(clip).xy_norm, expected)


def test_probes_are_those_of_the_model() -> None:
    model = model_of(VREMD)
    clip = clips_of(model, 1)
    with torch.inference_mode():
        _, seen = CudaGraphModel(model, StandIn()).look(clip)
        _, expected = model.look(clip)
    assert seen.keys() == expected.keys() and seen
    for name, value in seen.items():
        torch.testing.assert_close(value, expected[name])


def test_crops_of_another_type_are_refused() -> None:
    graphs = CudaGraphModel(model_of(DSTA), StandIn())
    with pytest.raises(TypeError, match="uint8"):
        graphs.encode(torch.zeros(1, 3, 64, 64))


def test_a_model_that_is_not_on_a_gpu_is_refused() -> None:
    with pytest.raises(VidposeError, match="needs a CUDA device, not cpu: add --device cuda"):
        cuda_graphs.graphed(model_of(DSTA))


def stale(step: Step, inputs: tuple[Tensor, ...]) -> Replay:
    """As if a graph did not read its inputs."""
    outputs = tuple(torch.rand_like(output) for output in step(*inputs))
    return lambda: outputs


def unrecordable(step: Step, inputs: tuple[Tensor, ...]) -> Replay:
    # As torch does: to end the recording fails as well, which says nothing of why.
    try:
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")
    finally:
        raise RuntimeError("capture was invalidated")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (stale, r"of the crop from torch; use --runtime torch"),
        (unrecordable, r"cannot be recorded as CUDA graphs \(operation not .* capturing\); use"),
    ],
)
def test_what_does_not_answer_as_torch_is_refused(
    record: Callable[[Step, tuple[Tensor, ...]], Replay], message: str
) -> None:
    with pytest.raises(VidposeError, match=message) as caught:
        cuda_graphs.checked(CudaGraphModel(model_of(DSTA), record))
    assert "\n" not in str(caught.value)
    sound = CudaGraphModel(model_of(DSTA), StandIn())
    assert cuda_graphs.checked(sound) is sound


class FromTheHost(TorchFunctionMode):
    """Finds what copies between host and device, which waits and so cannot be recorded."""

    CALLS = frozenset(
        (
            *(torch.tensor, torch.as_tensor, torch.from_numpy, torch.nonzero),
            *(Tensor.new_tensor, Tensor.nonzero, Tensor.item, Tensor.tolist, Tensor.numpy),
            *(Tensor.cpu, Tensor.__bool__, Tensor.__int__, Tensor.__float__),
        )
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func in self.CALLS:
            self.found.append(func.__name__)
        if func is Tensor.__getitem__:
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            if any(isinstance(each, list | np.ndarray) for each in index):
                self.found.append(f"[{args[1]}]")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [*SMALL, *VARIANTS])
def test_steps_stay_on_their_device(name: str) -> None:
    # Nothing of the meta device can be read, as nothing of a GPU can while a graph is recorded.
    model = (SMALL | VARIANTS)[name].build().eval().requires_grad_(False).to("meta")
    frames = 2 * len(model.offsets)
    crops = torch.zeros(frames, *model.crop.size, 3, dtype=torch.uint8, device="meta")
    with FromTheHost() as mode:
        levels = Encode(model)(crops)
        clips = [level.unflatten(0, (2, len(model.offsets))) for level in levels]
        if model.uses_prior:
            clips.append(torch.zeros(2, len(model.skeleton), 3, device="meta"))
        outputs = Aggregate(model)(*clips)
    assert all(output.device.type == "meta" for output in outputs)
    assert mode.found == []


@cuda
@pytest.mark.parametrize("kind", SMALL)
def test_on_a_gpu_graphs_answer_as_the_model_does(kind: str) -> None:
    model = model_of(SMALL[kind]).to("cuda")
    graphs = cuda_graphs.graphed(copy.deepcopy(model))
    kept = []
    for count in (3, 1, 2, 3):
        clip, prior = clips_of(model, count, seed=count), prior_of(model, count)
        with torch.inference_mode():
            kept.append((graphs(clip, prior), model(clip, prior)))
    for found, expected in kept:
        distance = (found.xy_norm - expected.xy_norm).norm(dim=-1)
        assert distance.median() < 1e-3
