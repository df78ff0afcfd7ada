"""Recipes that ship: one YAML file each, read by `vidpose.training.recipe`."""
