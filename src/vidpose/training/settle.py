"""Statistics of batch norms, gathered anew as the finished model sees clips."""

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch.nn.modules.batchnorm import _BatchNorm

from vidpose.training.learner import Learner
from vidpose.training.loader import Batch


def batch_norms(learner: Learner) -> list[_BatchNorm]:
    """The batch norms of a model that keep running statistics, but for a frozen backbone's."""
    frozen = set(learner.model.backbone.modules()) if learner.frozen else set()
    return [
        module
        for module in learner.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats and module not in frozen
    ]


@torch.no_grad()
def settle(learner: Learner, batches: Iterable[Batch], accelerator: Accelerator) -> None:
    """Replace the running statistics of batch norms by means over ``batches``.

    Running means of training belong to what training showed: to weights that have changed since, to
    dropout, to clips of which SDTC hides half. `torch.optim.swa_utils.update_bn` puts the whole
    model into training mode for this; here everything but the norms is as in use.

    Args:
        learner: Left in evaluation mode.
        batches: On the learner's device, at least one.
        accelerator: Its processes agree on the means.
    """
    norms = batch_norms(learner.eval())
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for batch in batches:
        learner(batch.frames, batch.targets)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
        for statistic in (norm.running_mean, norm.running_var):
            assert statistic is not None
            statistic.copy_(accelerator.reduce(statistic, "mean"))
