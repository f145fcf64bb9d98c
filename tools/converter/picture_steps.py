"""How pictures are prepared for a network: as flags of the converters, and recorded in the IR.

The IR carries the steps as :meth:`omz.zoo.steps.PictureSteps.to_text` writes them, in its section ``omz``; whoever
measures, calibrates or reports prepares pictures by them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import ConversionError, UsageError, ZooError, located

if TYPE_CHECKING:
    import openvino as ov

    from omz.zoo.steps import PictureSteps

#: Key in the section :data:`omz.converter.ir.PROVENANCE` of an IR's ``rt_info``.
PREPARATION = "preparation"
#: Of OpenCV, and of Pillow with --pillow; the schema of the steps says which knows which.
INTERPOLATIONS = (
    "nearest", "linear", "bilinear", "cubic", "bicubic", "area", "lanczos4", "box", "hamming", "lanczos",
)  # fmt: skip
_CHANNELS = (1, 3, 4)


def add_step_arguments(
    parser: argparse.ArgumentParser,
    title: str = "how pictures are prepared to measure it (recorded in the IR)",
) -> None:
    """Add what is done to pictures before the network sees them."""
    group = parser.add_argument_group(title)
    group.add_argument(
        "--resize", type=sides, metavar="N|WxH",
        help="256: the shorter side becomes 256; 256x256: stretched to that",
    )  # fmt: skip
    group.add_argument("--crop", type=sides, metavar="N|WxH", help="then so much of the middle is cut out")
    group.add_argument(
        "--interpolation", choices=INTERPOLATIONS, metavar="NAME",
        help="of --resize: bilinear (default), bicubic, nearest, area, lanczos4; with --pillow also box, hamming, "
        "lanczos, but not area and lanczos4",
    )  # fmt: skip
    group.add_argument(
        "--pillow", action="store_true",
        help="resize and crop as Pillow does, and so torchvision and timm, which smooths what becomes smaller; not as "
        "OpenCV",
    )  # fmt: skip
    group.add_argument(
        "--preparation", metavar="FILE|JSON",
        help="in place of these: an accuracy-check.yml, or the steps as an IR has them",
    )  # fmt: skip


def sides(text: str) -> tuple[int, ...]:
    """Parse ``224`` or ``320x240`` (width, height) for argparse.

    >>> sides("224"), sides("320x240")
    ((224,), (320, 240))
    """
    match = re.fullmatch(r"([1-9]\d{0,4})(?:[xX]([1-9]\d{0,4}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r}: expected pixels, such as 224 or 320x240 (width x height)"
        )
    return tuple(int(part) for part in match.groups() if part)


def steps_stated(args: argparse.Namespace) -> PictureSteps | None:
    """Return the steps that the command line asks for; None if it asks for none.

    Raises:
        UsageError: Flags contradict each other, or a step cannot be.
        DescriptorError: The file or text of ``--preparation`` is malformed.
    """
    flags = {"--resize": args.resize, "--crop": args.crop, "--interpolation": args.interpolation}
    given = [flag for flag, value in (flags | {"--pillow": args.pillow}).items() if value]
    if args.preparation:
        if given:
            raise UsageError(f"--preparation and {given[0]} say the same; give one of them")
        return _read(args.preparation)
    if not given:
        return None
    if args.interpolation and not args.resize:
        raise UsageError("--interpolation goes with --resize")
    if args.pillow and not args.resize and not args.crop:
        raise UsageError("--pillow goes with --resize or --crop")
    try:
        return picture_steps(args.resize, args.crop, args.interpolation, pillow=args.pillow)
    except ZooError as error:
        raise UsageError(str(error)) from error


def _read(text: str) -> PictureSteps:
    from omz.zoo.accuracy_check import load_evaluation
    from omz.zoo.steps import PictureSteps

    if text.lstrip().startswith("{"):
        return PictureSteps.from_text(text, "--preparation")
    return load_evaluation(Path(text)).steps


def picture_steps(
    resize: Sequence[int] | None, crop: Sequence[int] | None, interpolation: str | None, *, pillow: bool
) -> PictureSteps:
    """Return the steps that resize a picture and cut out its middle.

    Args:
        resize: One side, that of the shorter one, or (width, height) to stretch to; None to leave it.
        crop: One side of a square, or (width, height); None for nothing.
        interpolation: Of the resizing, in small letters; bilinear by default.
        pillow: Whether it is done as Pillow does.

    Raises:
        DescriptorError: A step cannot be; says why.
    """
    from omz.zoo.steps import PictureSteps
    from omz.zoo.validation import validated

    by: dict[str, object] = {"use_pillow": True} if pillow else {}
    steps: list[dict[str, object]] = []
    if resize:
        aspect: dict[str, object] = {"aspect_ratio_scale": "greater"} if len(resize) == 1 else {}
        method: dict[str, object] = {"interpolation": interpolation.upper()} if interpolation else {}
        steps.append({"type": "resize"} | _sized(resize) | aspect | method | by)
    if crop:
        steps.append({"type": "crop"} | _sized(crop) | by)
    return validated("--resize, --crop", PictureSteps, {"preprocessing": steps})


def _sized(given: Sequence[int]) -> dict[str, object]:
    return {"size": given[0]} if len(set(given)) == 1 else {"dst_width": given[0], "dst_height": given[1]}


def step_flags(steps: PictureSteps) -> list[str]:
    """Return the flags that ask for these steps: the short ones where they can say it."""
    resize = crop = method = None
    by_pillow = False
    for step in steps.preprocessing:
        target = getattr(step, "target", None)
        by_pillow |= getattr(step, "use_pillow", False)
        if step.type == "resize" and target:
            resize = target[:1] if step.aspect_ratio_scale == "greater" else target
            method = step.interpolation and step.interpolation.lower()
        elif step.type == "crop" and target:
            crop = target
    try:
        said = picture_steps(resize, crop, method, pillow=by_pillow)
    except ZooError:
        said = None
    if said is None or said.to_text() != steps.to_text():
        return [f"--preparation={steps.to_text()}"]
    words = [f"--resize={'x'.join(map(str, resize))}"] if resize else []
    words += [f"--crop={crop[0]}" if crop[0] == crop[1] else f"--crop={crop[0]}x{crop[1]}"] if crop else []
    words += [f"--interpolation={method}"] if method else []
    return words + (["--pillow"] if by_pillow else [])


def record(model: ov.Model, steps: PictureSteps) -> None:
    """Write into the model how its pictures are prepared.

    Raises:
        ConversionError: The steps do not give the size of its input, or it takes no picture.
    """
    from omz.converter.ir import PROVENANCE
    from omz.zoo.step_effects import misfit

    with located("how pictures are prepared"):
        if len(model.inputs) != 1 or len(model.inputs[0].get_partial_shape()) != 4:
            raise ConversionError("the network does not take one picture; leave it out")
        size = _picture_size(model.inputs[0])
        if size and (text := misfit(steps, size)):
            wanted = f"{size[0]}x{size[1]}"
            raise ConversionError(
                f"{text}. Cut that out with --crop {wanted}, or stretch to it with --resize {wanted}"
            )
    model.set_rt_info(steps.to_text(), [PROVENANCE, PREPARATION])


def _picture_size(port: ov.Output) -> tuple[int, int] | None:
    """Return (width, height) of an input, None where they are not fixed."""
    import openvino as ov

    sizes = [size.get_length() if size.is_static else 0 for size in port.get_partial_shape()]
    layout = ov.layout_helpers.get_layout(port)
    last = layout.has_name("C") and layout.get_index_by_name("C") % 4 == 3
    if not layout.has_name("C"):
        last = sizes[1] not in _CHANNELS and sizes[3] in _CHANNELS
    height, width = sizes[1:3] if last else sizes[2:]
    return (width, height) if width and height else None
