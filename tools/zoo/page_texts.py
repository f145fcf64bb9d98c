"""What a model page says, part by part; the template is in :mod:`omz.zoo.page`.

A model with a ``specification`` is one of the zoo: its page has the published figures, and links to the toolkit's
folders. One without is a network of somebody's own: its page says how to find the figures, and tells the models folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from omz.errors import DescriptorError
from omz.outgoing import printable
from omz.zoo.labels import descriptor_labels, known_lists, load_labels
from omz.zoo.model_files import BundledSource
from omz.zoo.network import InputInfo, OutputInfo
from omz.zoo.schema import Model

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
    "independent": "score of each class, in [0, 1]; several classes may hold",
    "logits": "score of each class, any number",
    "classes": "numbers of classes, the best one first",
}
_MAX_CLASSES_IN_FULL = 32


def places(model: Model) -> dict[str, str]:
    """Return the names of the model and of what is around it, as commands and links have them."""
    root = _root(model)
    demos = {"demo": "classification demo", "benchmark_demo": "classification benchmark demo"}
    named = {
        "name": model.name,
        "subdirectory": str(model.subdirectory),
        "framework": FRAMEWORKS[model.framework],
    }
    names = (
        ", by their numbers"
        if model.model_info.labels is None
        else " and take the names of the classes from the model"
    )
    if specification := model.specification:
        return named | {
            "selection": model.name,
            "selected": "",
            "published": f"| GFLOPs           | {_shown(specification.gflops)} |\n"
            f"| MParams          | {_shown(specification.mparams)} |\n",
            "figures": "both figures",
            "take_names": names,
            **{key: f"[{text}]({root}/demos/{text.replace(' ', '_')})" for key, text in demos.items()},
        }
    return named | {
        "selection": f"{model.name} --models_root DIR",
        "selected": f"\n`DIR` is the models folder, the one in which this is `{model.subdirectory}`.\n",
        "published": "",
        "figures": "MParams and GFLOPs",
        "take_names": names,
        **demos,
    }


def head(model: Model) -> str:
    """Return what the network is."""
    told = f"which of {_class_count(model)} an image belongs to"
    first = model.output_info[0]
    if first.values == "independent" and first.shape[1:2] != [1]:
        told = f"which of {_class_count(model)} an image belongs to; it may be several"
    if specification := model.specification:
        return f"[{specification.title}]({specification.paper}), a network that tells {told}."
    return f"{model.description.strip()}\n\nThe network tells {told}."


def _class_count(model: Model) -> str:
    first, labels = model.output_info[0], model.model_info.labels
    if first.values != "classes" and len(first.shape) > 1 and first.shape[1] > 0:
        return f"{first.shape[1]} classes"
    return f"{len(labels)} classes" if isinstance(labels, list) else "its classes"


def paragraphs(model: Model) -> list[str]:
    """Return the description, if it says more than the title above it does, and the notes."""
    if not (specification := model.specification):
        return []
    described = model.description.startswith(specification.title)
    return [*([] if described else [model.description.strip()]), *specification.notes]


def accuracy(model: Model) -> str:
    """Return the published figures, or how to find them."""
    specification = model.specification
    if not specification:
        return (
            "None has been published. With a folder of pictures, in it a folder for each class or a list:\n\n"
            f"```sh\naccuracy_check --name {model.name} --models_root DIR -s PICTURES\n```"
        )
    if specification.top1 is None and specification.top5 is None:
        return "None is known for these files."
    return f"""\
| Metric | Value |
|--------|-------|
| Top 1  | {_shown(specification.top1, "%")} |
| Top 5  | {_shown(specification.top5, "%")} |"""


def _shown(value: float | None, unit: str = "") -> str:
    """Return a published figure as it is written in the descriptor; one that is not known as a dash."""
    return "-" if value is None else f"{str(value).removesuffix('.0')}{unit}"


def tensors(model: Model) -> dict[str, str]:
    """Describe the input and the outputs, before and after conversion."""
    given = model.input_info[0]
    means, scales = _values(model, "mean_values"), _values(model, "scale_values")
    picture = any(text.startswith("--mean_file=") for text in model.model_optimizer_args or [])
    steps = [
        *([f"Mean values - [{means}]."] if means else []),
        *(["A mean picture is subtracted."] if picture else []),
        *([f"Scale values - [{scales}]: {_divisor(scales)}."] if scales else []),
    ]
    kinds = (("mean values", means), ("mean picture", picture), ("scale values", scales))
    applied = [f"the {kind}" for kind, stated in kinds if stated]
    verb = "is" if applied == ["the mean picture"] else "are"
    built_in = f": {' and '.join(applied)} {verb} applied inside the model" if applied else ""
    return {
        "input_tensor": _tensor("Image", given.name, given.shape or [], given.layout or ""),
        "output_tensor": "\n\n".join(_output(output) for output in model.output_info),
        "preprocessing": "".join(f"\n{step}" for step in steps),
        "built_in": built_in,
        **_orders(model, given),
    }


def _orders(model: Model, given: InputInfo) -> dict[str, str]:
    """Say in which order the channels are, before and after conversion."""
    sizes = dict(zip(given.layout or "", given.shape or [], strict=False))
    if model.specification:
        original = model.specification.channel_order
    elif (channels := sizes.get("C")) != 3:
        text = "There is one channel, grey." if channels == 1 else "Channels are blue, green, red and alpha."
        return {"original_order": text, "converted_order": text}
    else:
        original = "RGB" if _reverses(model) else "BGR"
    converted = original[::-1] if _reverses(model) else original
    return {
        key: f"Channel order is `{order}`."
        for key, order in (("original_order", original), ("converted_order", converted))
    }


def _reverses(model: Model) -> bool:
    return "--reverse_input_channels" in (model.model_optimizer_args or [])


def _output(result: OutputInfo) -> str:
    lines = [
        f"Object classifier, name - {code(result.name)}, shape - `{_joined(result.shape)}`, "
        f"output data format is `{_joined('BCHW'[: len(result.shape)])}`, where:",
        "",
        "- `B` - batch size",
        f"- `C` - {_VALUES[result.values]}",
        *(["- `H`, `W` - height and width, 1 each"] if len(result.shape) == 4 else []),
    ]
    return "\n".join(lines)


def _tensor(what: str, name: str, shape: list[int], layout: str) -> str:
    axes = [_AXES.get(letter, (letter, letter)) for letter in layout]
    first = (
        f"{what}, name - {code(name)}, shape - `{_joined(shape)}`, "
        f"format is `{_joined(a for a, _ in axes)}`, where:"
    )
    return "\n".join([first, "", *(f"- `{letter}` - {meaning}" for letter, meaning in axes)])


def _divisor(scales: str) -> str:
    return "each channel is divided by its own" if "," in scales else "every channel is divided by it"


def _values(model: Model, flag: str) -> str:
    """Return the numbers of ``--mean_values`` or ``--scale_values``, such as ``104.0, 117.0, 123.0``."""
    prefix = f"--{flag}="
    texts = [arg.removeprefix(prefix) for arg in model.model_optimizer_args or [] if arg.startswith(prefix)]
    numbers = re.search(r"[\[(]([^\])]*)[\])]", texts[-1]) if texts else None
    return _joined(part.strip() for part in numbers[1].split(",")) if numbers else ""


def classes(model: Model) -> str:
    """Say which class each index means, and why no other list will do."""
    labels = model.model_info.labels
    if isinstance(labels, str):
        return _listed_classes(model, labels)
    if labels is None:
        if model.specification:
            raise DescriptorError(f"{model.directory / 'model.yml'}: key 'model_info.labels': is missing")
        return "The model does not name them."
    if len(labels) > _MAX_CLASSES_IN_FULL:
        return f"{len(labels)} classes, from 0, {code(labels[0])}, to {len(labels) - 1}, {code(labels[-1])}."
    return f"By index: {_joined(f'{index} {code(label)}' for index, label in enumerate(labels))}."


def _listed_classes(model: Model, name: str) -> str:
    labels = descriptor_labels(name, model.directory)
    text = (
        f"The classes, and their order, are those of {_list(model, name)}, the list that the model was "
        f"trained with: from 0, {code(labels[0].name)}, to {len(labels) - 1}, {code(labels[-1].name)}."
    )
    wnids = {label.wnid for label in labels}
    for other in known_lists():
        theirs = load_labels(other)
        if other != name and "" not in wnids and {label.wnid for label in theirs} == wnids:
            text += (
                f" The list {_list(model, other)} has the same classes in another order, from "
                f"`{theirs[0].name}` on: read by it, right answers get wrong names."
            )
    return text


def _list(model: Model, name: str) -> str:
    if name not in known_lists():
        return f"[{name}]({name})"
    return f"[{name}]({_root(model)}/models/labels/{name}.txt)" if model.specification else f"`{name}`"


def download(model: Model) -> str:
    """Say where the files come from, and what they are checked by."""
    sources = [source for file in model.files for source in file.sources]
    if all(isinstance(source, BundledSource) for source in sources):
        giver = "toolkit" if model.specification else "descriptor"
        return (
            f"All files come with the {giver}: no network is needed. The downloader copies them to "
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


def files(model: Model) -> str:
    """Return the rows of the table of files."""
    sizes = {file.name: "not known" if file.size is None else str(file.size) for file in model.files}
    return "\n".join(f"| {name.replace('|', chr(92) + '|')} | {size} |" for name, size in sizes.items())


def legal(model: Model) -> str:
    """Say where the licence is."""
    specification = model.specification
    if not specification:
        return f"Licence of the weights: {' '.join(printable(model.license).split())}"
    where = f"[licenses/{specification.license_file}]({_root(model)}/licenses/{specification.license_file})"
    return (
        f"The model is distributed under the\n[{specification.license_name}]({model.license}).\n"
        f"A copy of the licence is provided in {where}; an installed toolkit\n"
        "has it in the folder `omz_toolkit-<version>.dist-info/licenses/licenses/`."
    )


def _root(model: Model) -> str:
    return "/".join([".."] * (len(model.subdirectory.parts) + 1))


def _joined(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def code(text: str) -> str:
    """Return a name as code, whatever it holds.

    >>> code("cat"), code("a`b")
    ('`cat`', '`` a`b ``')
    """
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"
