"""Pose models: each is `encode` (one frame) and `aggregate` (a clip's frames)."""
