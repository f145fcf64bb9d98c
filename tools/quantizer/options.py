"""What can be chosen about a quantization."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from omz.errors import UsageError

DEVICES = ("CPU", "GPU", "NPU")
PRESETS = ("performance", "mixed")
BIAS_CORRECTIONS = ("fast", "full")
OVERFLOW_FIXES = ("off", "first_layer", "all")
_VALUE = re.compile(r"-?[\w.-]{1,40}")
#: Of Open Model Zoo's quantizer.
DEFAULT_SUBSET = 300


@dataclass(frozen=True, slots=True)
class Options:
    """How to quantize; '' leaves the choice to the toolkit.

    Attributes:
        preset: 'performance': all symmetric. 'mixed': activations may have a zero point.
        bias_correction: 'fast', or 'full', which goes through the net layer by layer; '' is full for nets with
            squeeze-and-excitation, as the gates multiply an error in the averages into whole feature maps.
        overflow_fix: Whose weights keep to 7 bits, so that the 16-bit sums of CPUs without VNNI do not overflow;
            '' is the first layer where the target is a CPU.
        target_device: Of 'CPU', 'GPU' and 'NPU'.
        max_drop: How much of top-1 may be lost, as a share (0.01 is one point); None: it is not measured.
    """

    preset: str = "performance"
    bias_correction: str = ""
    overflow_fix: str = ""
    target_device: str = "CPU"
    max_drop: float | None = None

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: A value is not known, or two contradict each other.
        """
        for name, known in (
            ("preset", PRESETS),
            ("bias_correction", ("", *BIAS_CORRECTIONS)),
            ("overflow_fix", ("", *OVERFLOW_FIXES)),
            ("target_device", DEVICES),
        ):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"--{name} {getattr(self, name)!r}: expected one of {', '.join(filter(None, known))}"
                )
        if self.target_device == "NPU" and self.preset != "performance":
            raise UsageError(f"--preset {self.preset}: an NPU computes symmetrically; leave the option out")
        if self.max_drop is not None and not 0 <= self.max_drop <= 1:
            raise UsageError(f"--max_drop {self.max_drop:g}: expected a share from 0 to 1; 0.01 is one point")

    @property
    def effective_overflow_fix(self) -> str:
        """The overflow fix, chosen by the target and not by this machine: an IR is the same wherever it is made."""
        return self.overflow_fix or ("first_layer" if self.target_device == "CPU" else "off")


def command_options(facts: Mapping[str, str]) -> list[str]:
    """Return the options of ``omz_quantizer`` that an IR was made with, without those left at their defaults.

    Args:
        facts: What the IR says of its quantization; what the quantizer would not have written is left out.

    >>> command_options({"preset": "mixed", "bias_correction": "fast", "overflow_fix": "first_layer", "seed": "7"})
    ['--preset', 'mixed', '--seed', '7']
    """
    made = {name: value for name, value in facts.items() if _VALUE.fullmatch(value)}
    target = made.get("target_device", "CPU")
    defaults = {
        "preset": Options().preset,
        "bias_correction": "",
        "overflow_fix": Options(target_device=target if target in DEVICES else "CPU").effective_overflow_fix,
        "target_device": "CPU",
        "max_drop": "",
        "subset_size": str(DEFAULT_SUBSET),
        "seed": "0",
    }
    if "bias_correction_chosen" not in made:  # the default is the network's
        made.pop("bias_correction", None)
    counts = [made.get(name, "0") for name in ("subset_size", "unreadable")]
    if "subset_size" in made and all(
        map(str.isdecimal, counts)
    ):  # what could not be read was chosen all the same
        made["subset_size"] = str(sum(map(int, counts)))
    return [
        word
        for name, default in defaults.items()
        if name in made and made[name] != default
        for word in (f"--{name}", made[name])
    ]
