"""Reading and writing video with exact times."""

from vidpose.video.source import Source, SourceLike, open_source
from vidpose.video.still import StillWriter
from vidpose.video.writer import VideoWriter

__all__ = ["Source", "SourceLike", "StillWriter", "VideoWriter", "open_source"]
