"""Reading and writing video with exact times."""

from vidpose.video.source import Source, open_source
from vidpose.video.still import StillWriter
from vidpose.video.writer import VideoWriter

__all__ = ["Source", "StillWriter", "VideoWriter", "open_source"]
