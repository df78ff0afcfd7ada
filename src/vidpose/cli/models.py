"""`vidpose models`: what ships trained, and under which licence."""

from rich.console import Console
from rich.table import Table


def models() -> None:
    """List the models and detectors that ship with weights."""
    from vidpose import weights
    from vidpose.models.registry import DEFAULT_MODEL, SHIPPED

    table = Table("name", "role", "parameters", "about", "licence of the weights")
    for name, entry in SHIPPED.items():
        card = weights.card(entry.weights)
        role = "pose (default)" if name == DEFAULT_MODEL else "pose"
        table.add_row(name, role, f"{card.parameters:,}", entry.summary, card.licence)
    card = weights.card("movenet-multipose")
    table.add_row("movenet", "detector", f"{card.parameters:,}", card.description, card.licence)
    Console().print(table)
