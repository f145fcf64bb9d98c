"""What is done to the files of a model once they are there."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from omz.zoo.fields import RelativePath
from omz.zoo.section import Section

#: Most characters of all patterns of one descriptor, and most `[` in them: a set of characters that is blind to case
#: may take 15 ms to compile. Of published descriptors, none has more than 869 and 1.
MAX_PATTERNS, MAX_PATTERN_SETS = 4000, 100


class RegexReplace(Section):
    """Replace text in a downloaded file; no match, or fewer than ``count`` (0: any), is an error."""

    type: Literal["regex_replace"] = Field(alias="$type")
    file: RelativePath
    # The longest published pattern has 163 characters; to compile a long one can take minutes.
    pattern: Annotated[str, Field(max_length=1000)]
    replacement: str
    count: Annotated[int, Field(ge=0, lt=1 << 31)] = 0

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return pattern

    @model_validator(mode="after")
    def _replaces(self) -> Self:
        compiled = re.compile(self.pattern)
        names = {number: f"?P<{name}>" for name, number in compiled.groupindex.items()}
        # The pattern itself might run for ever, even on no text; one with the same groups looks at the template.
        groups = "".join(f"({names.get(number, '')})" for number in range(1, compiled.groups + 1))
        try:
            re.compile(groups).sub(self.replacement, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"expected a 'replacement' that fits the pattern ({error})") from None
        return self


class UnpackArchive(Section):
    """Unpack a downloaded archive into the folder that it is in."""

    type: Literal["unpack_archive"] = Field(alias="$type")
    file: RelativePath
    format: Literal["zip", "tar", "gztar", "bztar", "xztar"]


def _soon_compiled(steps: object) -> object:
    """Refuse patterns that would take long, before any of them is compiled."""
    found = (
        [step.get("pattern") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    )
    patterns = "".join(pattern for pattern in found if isinstance(pattern, str))
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(
            f"expected patterns of at most {MAX_PATTERNS} characters in all; got {len(patterns)}"
        )
    if (sets := patterns.count("[")) > MAX_PATTERN_SETS:
        raise ValueError(f"expected at most {MAX_PATTERN_SETS} '[' in all patterns; got {sets}")
    return steps


PostprocessingSteps = Annotated[
    list[Annotated[RegexReplace | UnpackArchive, Field(discriminator="type")]],
    BeforeValidator(_soon_compiled),
]
