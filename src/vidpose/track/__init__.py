"""People across frames: ids, and where somebody is who was not detected."""

from vidpose.track.tracker import Track, Tracker

__all__ = ["Track", "Tracker"]
