"""Recipes that ship: one YAML file each, read by `vidpose.training.recipe`."""

from importlib import resources


def shipped() -> list[str]:
    """Names of the recipes in the package."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))
