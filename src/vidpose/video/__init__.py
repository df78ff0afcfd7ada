"""Reading and writing video with exact times."""

from vidpose.video.source import Source, open_source
from vidpose.video.writer import VideoWriter

__all__ = ["Source", "VideoWriter", "open_source"]
