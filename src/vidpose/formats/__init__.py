"""Files that hold poses: one file a format."""
