"""What a descriptor declares of a ResNet, held against what its file has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from omz.converter.pytorch.architecture import Architecture, State
from omz.errors import ConversionError


def with_declared(architecture: Architecture, declared: Mapping[str, object], state: State) -> Architecture:
    """Check what a descriptor says of the network, and take from it what the file cannot tell.

    Args:
        architecture: As read off the file.
        declared: Some of the fields of :class:`Architecture`; a list stands for a tuple.
        state: The tensors, for the message.

    Raises:
        ConversionError: A field is unknown, or contradicts the file; names field, both values and a tensor.
    """
    known = [field.name for field in fields(Architecture)]
    for name, value in declared.items():
        if name not in known:
            raise ConversionError(f"unknown field {name!r} of a ResNet; known are {', '.join(known)}")
        if name == "epsilon":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
                raise ConversionError(
                    f"field 'epsilon' is declared {value!r}; expected a number between 0 and 1"
                )
            architecture = replace(architecture, epsilon=float(value))
            continue
        found = getattr(architecture, name)
        stated = tuple(value) if isinstance(value, list) else value
        if type(stated) is not type(found) or stated != found:
            tensor = _evidence(architecture, name, stated)
            seen = f"has shape {state[tensor].shape}" if tensor in state else "is not there"
            raise ConversionError(
                f"field {name!r} is declared {_plain(stated)}, the file has {_plain(found)}: "
                f"tensor {tensor!r} {seen}. Is it the file of another model?"
            )
    return architecture


def _evidence(architecture: Architecture, field: str, stated: object) -> str:
    """Return the name of a tensor that shows the value of a field, or that is missing for it to be ``stated``."""
    last = architecture.convolutions[-1]
    if field in ("layers", "channels", "se_channels"):
        mine = getattr(architecture, field)
        theirs = stated if isinstance(stated, tuple) else ()
        pairs = list(zip(mine, theirs, strict=False))
        stage = next((i for i, (one, other) in enumerate(pairs) if one != other), len(pairs))
        block = min(pairs[stage]) if field == "layers" and stage < len(pairs) else 0
        layer = (
            architecture.se_names[0] if field == "se_channels" else last if field == "channels" else "conv1"
        )
        return f"layer{stage + 1}.{block}.{layer}.weight"
    second_stem = "conv1.weight" if architecture.stem == "plain" else "conv1.3.weight"
    return {
        "block": "layer1.0.conv3.weight",
        "block_reduce_first": "layer1.0.conv1.weight",
        "stem": "conv1.weight" if architecture.stem == "plain" else "conv1.0.weight",
        "stem_width": second_stem,
        "avg_down": f"layer2.0.downsample.{1 if architecture.avg_down else 0}.weight",
        "down_kernel_size": f"layer2.0.downsample.{1 if architecture.avg_down else 0}.weight",
        "se": f"layer1.0.{architecture.se_names[0]}.weight",
        "se_bias": f"layer1.0.{architecture.se_names[0]}.bias",
        "se_names": f"layer1.0.{architecture.se_names[0]}.weight",
        "classes": f"{architecture.classifier}.weight",
        "classifier": f"{architecture.classifier}.weight",
    }.get(field, "layer1.0.conv2.weight")


def _plain(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else repr(value)
