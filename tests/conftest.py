"""For all tests."""

import torch
from hypothesis import settings

# Several threads gain little on crops this small, and on a busy machine they wait for each other.
torch.set_num_threads(1)
# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
