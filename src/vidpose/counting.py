"""Numbers of things, in words."""


def counted(number: int, one: str, many: str) -> str:
    """``number`` with the word that fits it: ``1 person``, ``2,000 people``."""
    return f"{number:,} {one if number == 1 else many}"
