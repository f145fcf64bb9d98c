"""The page of a model, as Markdown: one template, filled from the descriptor alone.

A page holds no date, path or version, so it is the same bytes on every machine.
"""

from __future__ import annotations

from string import Template

from omz.errors import DescriptorError
from omz.zoo import page_texts as texts
from omz.zoo.schema import CompositeModel, Model

TEMPLATE = Template(
    """\
# $name

<!-- Written by `omz pages` from model.yml. Change that file, then run it again. -->

## Use Case and High-Level Description

$head
$notes
## Specification

| Metric           | Value          |
|------------------|----------------|
| Type             | Classification |
$published| Source framework | $framework |

`omz info --name $selection` counts $figures on the converted model, a multiplication and an addition
as two operations.

## Accuracy

$accuracy

## Input

### Original model

$input_tensor

$original_order$preprocessing

### Converted model

$input_tensor

$converted_order Values are those of the image, 0 to 255, as 32-bit floats$built_in.

## Output

### Original model

$output_tensor

### Converted model

$output_tensor

### Classes

$classes

## Download a Model and Convert it into OpenVINO™ IR Format

```sh
omz_downloader --name $selection
omz_converter --name $selection
```
$selected
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

The $demo shows the classes of each picture, the
$benchmark_demo measures throughput and latency. Both
run on any OpenVINO device (`-d CPU`, `GPU`, `NPU` ...)$take_names.

## Legal Information

$legal
"""
)

#: By which a page of ours is told.
MARK = "<!-- Written by `omz pages` "


def render(model: Model | CompositeModel) -> str:
    """Return the page of a model.

    That of a model without a specification, such as a network of one's own, has no published figures, and links to
    nothing beside the descriptor.

    Raises:
        DescriptorError: The descriptor lacks what a page is made of, or names an unknown label list.
    """
    path = model.directory / "model.yml"
    if not isinstance(model, Model):
        raise DescriptorError(f"{model.directory}: a composite model has no page; name its stages")
    if len(model.input_info) != 1 or not model.input_info[0].shape or not model.input_info[0].layout:
        raise DescriptorError(f"{path}: key 'input_info': a page needs one input, with shape and layout")
    if not model.output_info:
        raise DescriptorError(f"{path}: key 'output_info': is missing; a page needs it")
    return TEMPLATE.substitute(
        texts.places(model) | texts.tensors(model),
        head=texts.head(model),
        notes="".join(f"\n{text}\n" for text in texts.paragraphs(model)),
        accuracy=texts.accuracy(model),
        classes=texts.classes(model),
        download=texts.download(model),
        files=texts.files(model),
        legal=texts.legal(model),
    )
