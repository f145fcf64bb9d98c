"""The texts of a model: its ``model.yml`` and its ``accuracy-check.yml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omz.converter.arguments import Arguments
from omz.converter.network import CLASSIFICATION_INFO
from omz.describer.facts import Facts, Tensor
from omz.describer.network_files import NetworkFile
from omz.describer.yaml_text import OneLine, to_yaml
from omz.errors import located
from omz.zoo.page_texts import FRAMEWORKS

if TYPE_CHECKING:
    from omz.converter.pytorch.architecture import Architecture
    from omz.zoo.steps import PictureSteps

#: Of pictures with a folder for each class or a list, by the classes of the network; see ``models/datasets.yml``.
DATASET = "labelled_pictures"
#: What ``input_info`` says, in the place of these arguments.
_OF_INPUTS = ("--input=", "--input_shape=", "--layout=")
UNKNOWN_LICENSE = "unknown; ask whoever trained the network"


def descriptor(
    name: str,
    framework: str,
    files: Sequence[NetworkFile],
    facts: Facts,
    arguments: Arguments,
    *,
    labels: Sequence[str] | str = (),
    architecture: Mapping[str, object] | None = None,
    description: str = "",
    license_text: str = "",
) -> str:
    """Return the ``model.yml`` of a network.

    Args:
        name: Of the model.
        framework: Of the network.
        files: It is made of these.
        facts: What it says of itself.
        arguments: How it is converted.
        labels: The names of its classes, or of the list that they are in; or none.
        architecture: What a checkpoint holds.
        description: In words; a plain one by default.
        license_text: Of the weights, or where that is; unknown by default.
    """
    count = f" with {facts.classes} classes" if facts.classes else ""
    content: dict[str, Any] = {
        "description": description or f"An image classifier{count}, from {FRAMEWORKS[framework]}.",
        "task_type": "classification",
        "files": [_file(file) for file in files],
        "input_info": [_tensor(facts.picture, "layout")],
        "output_info": [_tensor(output, "values") for output in facts.outputs],
        "model_optimizer_args": [
            *(text.replace("$", "$$") for text in arguments.flags() if not text.startswith(_OF_INPUTS)),
            *(f"--{file.flag}=$dl_dir/{file.name}" for file in files if file.flag),
        ],
        "framework": framework,
        "quantizable": facts.quantizable,
        "license": license_text or UNKNOWN_LICENSE,
    }
    if labels:
        named = labels if isinstance(labels, str) else list(labels)
        content["model_info"] = {**CLASSIFICATION_INFO, "labels": named}
    if architecture:
        content["pytorch"] = dict(architecture)
    return f"# Written by `omz add`, and yours to change; `omz pages` then writes the page anew.\n\n{to_yaml(content)}"


def _file(file: NetworkFile) -> dict[str, Any]:
    source: object = file.url or {"$type": "bundled", "path": file.name}
    return {
        "name": file.name,
        "size": file.size,
        "checksum": file.sha384,
        "sha256": file.sha256,
        "source": source,
    }


def _tensor(tensor: Tensor, kind: str) -> dict[str, Any]:
    return {"name": tensor.name, "shape": OneLine(tensor.shape), kind: tensor.kind}


def checkpoint_architecture(checkpoint: Path) -> dict[str, object]:
    """Return the section ``pytorch`` of a checkpoint, as it is read off the file.

    Raises:
        ConversionError: It is not one of timm's ResNet family.
    """
    from omz.converter.pytorch.architecture import read_architecture
    from omz.converter.pytorch.checkpoint import read_checkpoint

    state = read_checkpoint(checkpoint)
    with located(str(checkpoint)):
        return architecture_section(read_architecture(state))


def architecture_section(architecture: Architecture) -> dict[str, object]:
    """Return the section ``pytorch`` for a ResNet: what the schema has, where it is not the usual."""
    from omz.zoo.network import ResNetArchitecture

    usual = {field.name: field.default for field in fields(architecture)}
    values = {key: getattr(architecture, key) for key in ResNetArchitecture.model_fields}
    return {
        key: OneLine(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value != usual[key]
    }


def evaluation(name: str, facts: Facts, steps: PictureSteps | None, dataset: str = DATASET) -> str:
    """Return the ``accuracy-check.yml`` of a network.

    Args:
        name: Of the model.
        facts: What the network says of itself.
        steps: How pictures are prepared; stretched to the input if None, as the demos do it.
        dataset: Name of what it is measured on.
    """
    use: dict[str, Any] = {"name": dataset}
    if steps and steps.reader.type != "opencv_imread":
        use["reader"] = steps.reader.type
    use["preprocessing"] = [{"type": "auto_resize"}]
    if steps:
        use["preprocessing"] = [
            step.model_dump(mode="json", exclude_defaults=True) for step in steps.preprocessing
        ]
    use["metrics"] = _metrics(facts)
    launchers = [{"framework": "openvino", "adapter": "classification"}]
    how = [] if steps else [
        "# How pictures were prepared when the network was measured is not known: they are stretched to its input, as",
        "# the demos do it. `omz add` takes it as --resize, --crop and --interpolation.",
    ]  # fmt: skip
    several = [
        "# Several classes may hold for a picture: with a list of all classes of each, the mean average precision is",
        "# measured; else, whether the class with the highest score is the right one.",
    ]  # fmt: skip
    head = ["# Written by `omz add`, and yours to change.", *how, *(several if facts.multi_label else [])]
    content = {"models": [{"name": name, "launchers": launchers, "datasets": [use]}]}
    return "\n".join(head) + f"\n\n{to_yaml(content)}"


def _metrics(facts: Facts) -> list[dict[str, Any]]:
    if facts.multi_label:
        return []
    ranked = facts.outputs[0].kind != "classes" and facts.classes and facts.classes > 5
    return [
        {"name": f"accuracy@top{k}", "type": "accuracy", "top_k": k} for k in ((1, 5) if ranked else (1,))
    ]
