"""Train the toy twice, once stopped, in as many processes as the launcher says: FOLDER."""

import sys
from pathlib import Path

import torch
from training_toys import ToyClips, toy_trainer

torch.set_num_threads(1)
folder = Path(sys.argv[1])
options = {"model": {"kind": "toy"}, "ema": 0.9, "clip_norm": 0.5, "accumulate": 2}
trainer = toy_trainer(folder / "whole", ToyClips(13), **options)
trainer.run()

stopped = toy_trainer(folder / "stopped", ToyClips(13), **options)
# The first process alone is told to stop after two steps; all of them have to.
answers = iter([False, True] if stopped.accelerator.is_main_process else [False, False])
stopped.run(stop=lambda: next(answers))
trainer.accelerator.wait_for_everyone()
trainer.accelerator.end_training()
