"""Rendered people in motion, with exact labels."""
