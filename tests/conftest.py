"""For all tests."""

import torch

# Several threads gain little on crops this small, and on a busy machine they wait for each other.
torch.set_num_threads(1)
