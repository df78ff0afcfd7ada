"""What pydantic finds wrong, in words for people who do not write Python."""

from pydantic_core import ErrorDetails

# Where pydantic would name classes and types.
_WORDS = {
    "model_type": "a section with keys of its own is wanted",
    "model_attributes_type": "a section with keys of its own is wanted",
    "dict_type": "names with values are wanted",
    "list_type": "a list is wanted",
    "tuple_type": "a list is wanted",
}


def reason(misfit: ErrorDetails) -> str:
    """Why a value does not fit, without its place."""
    return _WORDS.get(misfit["type"], misfit["msg"].removeprefix("Value error, "))
