"""Reading and writing video with exact times."""

from vidpose.video.frame import Frame

__all__ = ["Frame"]
