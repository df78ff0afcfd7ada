"""SDTC with optical flow as its motion (a row of Table 4)."""

import pytest
import torch
from sdtc_toys import FLOW, batch, build
from torch import nn

from learning import losses
from vidpose.datasets.flow import DISFlow
from vidpose.errors import VidposeError
from vidpose.models.sdtc.flow import FlowMotion, clip_flow


def test_flow_is_seen_in_cells() -> None:
    module = FlowMotion(2, stride=16)
    nn.init.dirac_(module.conv.weight)
    assert module.conv.bias is not None
    nn.init.zeros_(module.conv.bias)
    flow = torch.randn(2, 3, 2, 4, 5)
    motion = module(flow)
    for token, (y, x) in enumerate((y, x) for y in range(4) for x in range(5)):
        torch.testing.assert_close(motion[:, :, token], flow[..., y, x] / 16)


def test_flow_of_the_data_and_flow_of_the_frames_are_one() -> None:
    model = build(**FLOW).eval()
    frames, targets = batch(model)
    assert model.fields == {"flow": DISFlow(16)}
    tokens = model.encode(frames.flatten(0, 1)).map(lambda x: x.unflatten(0, (2, 3)))
    heatmaps, motion = model._estimate(tokens, targets.extras["flow"])
    assert motion is None
    torch.testing.assert_close(model(frames).heatmaps, heatmaps)
    # Frames that were computed are not whole numbers: the nearest are meant.
    near = frames.float() + 0.6 * torch.rand(frames.shape) - 0.3
    assert torch.equal(clip_flow(near, model.key, model.dis), targets.extras["flow"])
    torch.testing.assert_close(model(near).heatmaps, model(frames).heatmaps, atol=1e-3, rtol=0)


def test_flow_can_be_counted_without_data() -> None:
    with torch.device("meta"), torch.inference_mode():
        model = build(**FLOW).eval()
        output = model(torch.zeros(2, 3, 3, *model.crop.size, dtype=torch.uint8))
    assert output.xy_norm.shape == (2, 15, 2) and output.xy_norm.is_meta


def test_flow_that_is_missing_is_asked_for_by_name() -> None:
    model = build(**FLOW)
    frames, targets = batch(model)
    with pytest.raises(VidposeError, match="the field 'flow'"):
        losses(model, frames, targets._replace(extras={}))
