"""Labelled sequences: readers of the public datasets, clips cut from them, and batches."""
