"""Finding people in a frame: one file a detector."""
