"""Parts of what people write: recipes, presets, configurations."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part, fixed once read.

    A key that it does not have is an error, and so is a number that is infinite or none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
