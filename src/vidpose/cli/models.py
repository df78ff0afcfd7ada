"""`vidpose models`: what ships trained, and under which licence."""


def models() -> None:
    """List the models and detectors that ship with weights."""
    from vidpose import weights
    from vidpose.models.registry import DEFAULT_MODEL, SHIPPED

    rows = [
        (name, "pose model" + ", the default" * (name == DEFAULT_MODEL), entry.weights)
        for name, entry in SHIPPED.items()
    ]
    for name, role, file in [*rows, ("movenet", "detector, the default", "movenet-multipose")]:
        card = weights.card(file)
        print(f"{name}: {role}; {card.parameters:,} parameters, trained by {card.author}")
        print(f"    {card.description}")
        print(f"    licence of the weights: {card.licence}")
