"""What is used where nothing is asked for: plain names, so that the command line loads no torch."""

DEFAULT_MODEL = "movenet-thunder"
DEFAULT_DETECTOR = "movenet"
