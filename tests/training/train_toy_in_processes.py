"""Train toys in as many processes as the launcher says: whole, stopped, with a norm: FOLDER."""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from training_toys import ToyClips, toy_trainer

from vidpose.models.base import PoseModel

torch.set_num_threads(1)
folder = Path(sys.argv[1])
options: dict[str, Any] = {"model": {"kind": "toy"}, "ema": 0.9, "clip_norm": 0.5, "accumulate": 2}
trainer = toy_trainer(folder / "whole", ToyClips(13), **options)
trainer.run()

stopped = toy_trainer(folder / "stopped", ToyClips(13), **options)
# The first process alone is told to stop after two steps; all of them have to.
answers = iter([False, True] if stopped.accelerator.is_main_process else [False, False])
stopped.run(stop=lambda: next(answers))


def written(model: PoseModel) -> dict[str, float]:
    """What this process validates, kept for the test to compare."""
    rank = trainer.accelerator.process_index
    save_file(model.state_dict(), folder / f"validated-{rank}.safetensors")
    return {"mAP": 0.0}


norm: dict[str, Any] = {"model": {"kind": "toy", "config": {"norm": True}}, "ema": 0.9, "epochs": 1}
toy_trainer(folder / "norm", ToyClips(13), written, **norm).run()
trainer.accelerator.wait_for_everyone()
trainer.accelerator.end_training()
