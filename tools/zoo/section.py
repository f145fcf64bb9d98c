"""What all sections of a descriptor have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of a descriptor: no key but those declared, no value of another type, nothing to change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)
