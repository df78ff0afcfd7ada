"""`vidpose models`: what ships trained, and under which licence."""

from vidpose.defaults import DEFAULT_DETECTOR, DEFAULT_MODEL


def models() -> None:
    """List the models and detectors that ship with weights."""
    from vidpose import weights
    from vidpose.models.registry import SHIPPED

    rows = [
        (
            name,
            "pose model" + ", the default" * (name == DEFAULT_MODEL),
            entry.weights,
            f" on those of {entry.backbone}" if entry.backbone else "",
        )
        for name, entry in SHIPPED.items()
    ]
    for name, role, file, on in [
        *rows,
        (DEFAULT_DETECTOR, "detector, the default", "movenet-multipose", ""),
    ]:
        card = weights.card(file)
        print(f"{name}: {role}; {card.parameters:,} parameters{on}, trained by {card.author}")
        print(f"    {card.description}")
        print(f"    licence of the weights: {card.licence}")
        for each in card.measured:
            low, high = each.interval
            print(
                f"    {each.value:g} {each.metric} (95 %: {low:g} to {high:g}) on {each.data}; "
                f"boxes: {each.boxes}"
            )
