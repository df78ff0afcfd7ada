"""The official metrics of PoseTrack."""
