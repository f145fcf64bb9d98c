"""The page of a model, as Markdown: one template, filled from the descriptor alone.

A page holds no date, path or version, so it is the same bytes on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Template

from omz.errors import DescriptorError
from omz.zoo.labels import known_lists, load_labels
from omz.zoo.model_files import BundledSource
from omz.zoo.network import InputInfo, OutputInfo, Specification
from omz.zoo.schema import CompositeModel, Model

TEMPLATE = Template(
    """\
# $name

<!-- Written by `omz pages` from model.yml. Change that file, then run it again. -->

## Use Case and High-Level Description

[$title]($paper), a network that tells which of $class_count classes an image belongs to.
$notes
## Specification

| Metric           | Value          |
|------------------|----------------|
| Type             | Classification |
| GFLOPs           | $gflops |
| MParams          | $mparams |
| Source framework | $framework |

`omz info --name $name` counts both figures on the converted model, a multiplication and an addition
as two operations.

## Accuracy

$accuracy

## Input

### Original model

$input_tensor

Channel order is `$original_order`.$preprocessing

### Converted model

$input_tensor

Channel order is `$converted_order`. Values are those of the image, 0 to 255, as 32-bit floats$built_in.

## Output

### Original model

$output_tensor

### Converted model

$output_tensor

### Classes

$classes

## Download a Model and Convert it into OpenVINO™ IR Format

```sh
omz_downloader --name $name
omz_converter --name $name
```

$download

| File | Bytes |
|------|-------|
$files

The converter writes `$name.xml` and `$name.bin` to the folders `FP32` and `FP16` in `$subdirectory`.

## Demo usage

The converted model runs in these demos. `images/` is a folder of your pictures; `-m` takes a path, too, such as
`$subdirectory/FP16/$name.xml`:

```sh
classification_demo -m $name -i images/
classification_benchmark_demo -m $name -i images/
```

The [classification demo]($root/demos/classification_demo) shows the classes of each picture, the
[classification benchmark demo]($root/demos/classification_benchmark_demo) measures throughput and latency. Both
run on any OpenVINO device (`-d CPU`, `GPU`, `NPU` ...) and take the names of the classes from the model.

## Legal Information

The model is distributed under the
[$license_name]($license_url).
A copy of the licence is provided in [licenses/$license_file]($root/licenses/$license_file); an installed toolkit
has it in the folder `omz_toolkit-<version>.dist-info/licenses/licenses/`.
"""
)

FRAMEWORKS = {
    "caffe": "Caffe",
    "caffe2": "Caffe2",
    "dldt": "OpenVINO",
    "mxnet": "MXNet",
    "onnx": "ONNX",
    "paddle": "PaddlePaddle",
    "pytorch": "PyTorch",
    "tf": "TensorFlow",
}
_AXES = {"N": ("B", "batch size"), "C": ("C", "channel"), "H": ("H", "height"), "W": ("W", "width")}
_VALUES = {
    "probabilities": "probability of each class, in [0, 1]",
    "logits": "score of each class, any number",
}
_MAX_CLASSES_IN_FULL = 32


def render(model: Model | CompositeModel) -> str:
    """Return the page of a model.

    Raises:
        DescriptorError: The descriptor lacks what a page is made of, or names an unknown label list.
    """
    path = model.directory / "model.yml"
    if not isinstance(model, Model):
        raise DescriptorError(f"{model.directory}: a composite model has no page; name its stages")
    specification = model.specification
    if specification is None:
        raise DescriptorError(f"{path}: key 'specification': is missing; a page is made of it")
    if len(model.input_info) != 1 or not model.input_info[0].shape or not model.input_info[0].layout:
        raise DescriptorError(f"{path}: key 'input_info': a page needs one input, with shape and layout")
    if len(model.output_info) != 1:
        raise DescriptorError(f"{path}: key 'output_info': a page needs one output")
    root = "/".join([".."] * (len(model.subdirectory.parts) + 1))
    return TEMPLATE.substitute(
        _tensors(model, specification, model.input_info[0], model.output_info[0]),
        name=model.name,
        subdirectory=model.subdirectory,
        root=root,
        gflops=_shown(specification.gflops),
        mparams=_shown(specification.mparams),
        accuracy=_accuracy(specification),
        framework=FRAMEWORKS[model.framework],
        notes="".join(f"\n{text}\n" for text in _paragraphs(model, specification)),
        classes=_classes(model, root),
        class_count=model.output_info[0].shape[1],
        download=_download(model),
        files="\n".join(
            f"| {file.name} | {'not known' if file.size is None else file.size} |" for file in model.files
        ),
        title=specification.title,
        paper=specification.paper,
        license_name=specification.license_name,
        license_file=specification.license_file,
        license_url=model.license,
    )


def _paragraphs(model: Model, specification: Specification) -> list[str]:
    """Return the description, if it says more than the title above it does, and the notes."""
    described = model.description.startswith(specification.title)
    return [*([] if described else [model.description.strip()]), *specification.notes]


def _shown(value: float | None, unit: str = "") -> str:
    """Return a published figure as it is written in the descriptor; one that is not known as a dash."""
    return "-" if value is None else f"{str(value).removesuffix('.0')}{unit}"


def _accuracy(specification: Specification) -> str:
    if specification.top1 is None and specification.top5 is None:
        return "None is known for these files."
    return f"""\
| Metric | Value |
|--------|-------|
| Top 1  | {_shown(specification.top1, "%")} |
| Top 5  | {_shown(specification.top5, "%")} |"""


def _tensors(
    model: Model, specification: Specification, given: InputInfo, result: OutputInfo
) -> dict[str, str]:
    """Describe the input and the output, before and after conversion."""
    order = specification.channel_order
    means, scales = _values(model, "mean_values"), _values(model, "scale_values")
    steps = [
        *([f"Mean values - [{means}]."] if means else []),
        *([f"Scale values - [{scales}]: {_divisor(scales)}."] if scales else []),
    ]
    reverses = "--reverse_input_channels" in (model.model_optimizer_args or [])
    applied = [f"the {kind} values" for kind, values in (("mean", means), ("scale", scales)) if values]
    built_in = f": {' and '.join(applied)} are applied inside the model" if applied else ""
    layout = given.layout or ""
    return {
        "input_tensor": _tensor("Image", given.name, given.shape or [], layout),
        "output_tensor": "\n".join(
            [
                f"Object classifier, name - `{result.name}`, shape - `{_joined(result.shape)}`, "
                f"output data format is `{_joined('BCHW'[: len(result.shape)])}`, where:",
                "",
                "- `B` - batch size",
                f"- `C` - {_VALUES[result.values]}",
                *(["- `H`, `W` - height and width, 1 each"] if len(result.shape) == 4 else []),
            ]
        ),
        "original_order": order,
        "converted_order": order[::-1] if reverses else order,
        "preprocessing": "".join(f"\n{step}" for step in steps),
        "built_in": built_in,
    }


def _tensor(what: str, name: str, shape: list[int], layout: str) -> str:
    axes = [_AXES.get(letter, (letter, letter)) for letter in layout]
    head = f"{what}, name - `{name}`, shape - `{_joined(shape)}`, format is `{_joined(a for a, _ in axes)}`, where:"
    return "\n".join([head, "", *(f"- `{letter}` - {meaning}" for letter, meaning in axes)])


def _divisor(scales: str) -> str:
    return "each channel is divided by its own" if "," in scales else "every channel is divided by it"


def _joined(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _values(model: Model, flag: str) -> str:
    """Return the numbers of ``--mean_values`` or ``--scale_values``, such as ``104.0, 117.0, 123.0``."""
    prefix = f"--{flag}="
    texts = [arg.removeprefix(prefix) for arg in model.model_optimizer_args or [] if arg.startswith(prefix)]
    numbers = re.search(r"[\[(]([^\])]*)[\])]", texts[-1]) if texts else None
    return _joined(part.strip() for part in numbers[1].split(",")) if numbers else ""


def _classes(model: Model, root: str) -> str:
    """Say which class each index means, and why no other list will do."""
    labels = model.model_info.labels
    if isinstance(labels, str):
        return _listed_classes(labels, root)
    if labels is None:
        raise DescriptorError(f"{model.directory / 'model.yml'}: key 'model_info.labels': is missing")
    if len(labels) > _MAX_CLASSES_IN_FULL:
        return f"{len(labels)} classes, from 0, `{labels[0]}`, to {len(labels) - 1}, `{labels[-1]}`."
    return f"By index: {_joined(f'{index} `{label}`' for index, label in enumerate(labels))}."


def _listed_classes(name: str, root: str) -> str:
    labels = load_labels(name)
    folder = f"{root}/models/labels"
    text = (
        f"The classes, and their order, are those of [{name}]({folder}/{name}.txt), the list that the model was "
        f"trained with: from 0, `{labels[0].name}`, to {len(labels) - 1}, `{labels[-1].name}`."
    )
    wnids = {label.wnid for label in labels}
    for other in known_lists():
        theirs = load_labels(other)
        if other != name and "" not in wnids and {label.wnid for label in theirs} == wnids:
            text += (
                f" The list [{other}]({folder}/{other}.txt) has the same classes in another order, from "
                f"`{theirs[0].name}` on: read by it, right answers get wrong names."
            )
    return text


def _download(model: Model) -> str:
    sources = [source for file in model.files for source in file.sources]
    if all(isinstance(source, BundledSource) for source in sources):
        return (
            "All files come with the toolkit: no network is needed. The downloader copies them to "
            f"`{model.subdirectory}/` and checks sizes and digests:"
        )
    return (
        f"The downloader fetches these files to `{model.subdirectory}/`, from the addresses in "
        f"[model.yml](model.yml), and checks {_checks(model)}:"
    )


def _checks(model: Model) -> str:
    """Say what the files are checked by, and where that is less than size and digest."""
    sizes = "" if any(file.size is None for file in model.files) else "sizes and "
    known = {file.known_digits for file in model.files}
    digits = sorted(count for count in known if count)
    if not digits:
        return f"{sizes}digests"
    some = "digests, of some files only " if None in known else ""
    return (
        f"{sizes}{some}the first {_joined(digits)} digits of the SHA-256 (no more is published; they tell a damaged "
        "file, but not one that was forged to have them)"
    )
