"""What is used where nothing is asked for: plain names, so that the command line loads no torch."""

DEFAULT_MODEL = "movenet-thunder"
# What `vidpose run --causal` uses: it looks at past frames only.
CAUSAL_MODEL = "dsta-movenet-causal"
# Looks at one frame: what others are compared with, and their teacher.
BASELINE = "movenet-thunder"
DEFAULT_DETECTOR = "movenet"
# What a name of an object detector of the transformers library begins with.
HUB = "hub:"
