"""What preprocessing steps do to a picture: to its size, and in words.

The rules for sizes are those of Open Model Zoo's accuracy checker; :mod:`omz.inference.preparation` has them, too.
"""

from __future__ import annotations

from omz.zoo.steps import AutoResize, Crop, Grey, Normalization, PictureSteps, Resize, Step

#: Pictures that steps are tried on: lying, upright, square and small. (width, height) in pixels.
TRIED_SIZES = ((500, 375), (375, 500), (640, 640), (20, 10))


def scaled_size(
    dst_width: int, dst_height: int, width: int, height: int, scale: str | None
) -> tuple[int, int]:
    """Return (width, height) after a resize that keeps the aspect as ``scale`` says.

    >>> scaled_size(256, 256, 500, 375, "greater"), scaled_size(256, 256, 375, 500, "greater")
    ((341, 256), (256, 341))
    >>> scaled_size(256, 256, 500, 375, None), scaled_size(256, 256, 500, 375, "fit_to_window")
    ((256, 256), (256, 192))
    """
    if scale == "greater":
        scale = "height" if height > width else "width"
    if scale == "width":
        return max(1, dst_width * width // height), dst_height
    if scale == "height":
        return dst_width, max(1, dst_height * height // width)
    if scale == "fit_to_window":
        ratio = min(dst_height / height, dst_width / width)
        return max(1, int(ratio * width)), max(1, int(ratio * height))
    return dst_width, dst_height


def crop_size(step: Crop, width: int, height: int) -> tuple[int, int]:
    """Return (width, height) of the part that a crop cuts out of a picture."""
    if step.max_square:
        side = min(width, height)
        return side, side
    if step.central_fraction is not None:
        return max(1, int(width * step.central_fraction)), max(1, int(height * step.central_fraction))
    return step.target or (width, height)


def size_after(steps: PictureSteps, picture: tuple[int, int], network: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of a picture after all steps; ``network`` is the size of the network's input.

    >>> steps = PictureSteps(preprocessing=({"type": "resize", "size": 256}, {"type": "crop", "size": 224}))
    >>> size_after(steps, (500, 375), (224, 224))
    (224, 224)
    """
    for step in steps.preprocessing:
        if isinstance(step, AutoResize):
            picture = network
        elif isinstance(step, Crop):
            picture = crop_size(step, *picture)
        elif isinstance(step, Resize) and step.target:
            picture = scaled_size(*step.target, *picture, step.aspect_ratio_scale)
    return picture


def misfit(steps: PictureSteps, network: tuple[int, int]) -> str:
    """Say for which pictures the steps do not give the size of the network's input; '' if they always do."""
    for picture in TRIED_SIZES:
        found = size_after(steps, picture, network)
        if found != network:
            return (
                f"{in_words(steps)}, a picture of {_by(picture)} becomes {_by(found)}, "
                f"and the network takes {_by(network)}"
            )
    return ""


def in_words(steps: PictureSteps) -> str:
    """Say what the steps do.

    >>> one = PictureSteps(preprocessing=({"type": "resize", "size": 256, "aspect_ratio_scale": "greater"},))
    >>> in_words(one)
    'resized to 256 by the shorter side'
    """
    words = ["read by Pillow"] if steps.reader.type == "pillow_imread" else []
    words += ["read as grey"] if steps.reads_grey else []
    words += [_step_in_words(step) for step in steps.preprocessing]
    return ", ".join(words) or "as they are"


def _step_in_words(step: Step) -> str:
    if isinstance(step, AutoResize):
        return "stretched to the network's input"
    if isinstance(step, Resize):
        how = filter(None, [(step.interpolation or "").lower(), "Pillow" if step.by_pillow else ""])
        note = ", ".join(how)
        return f"{_resized(step)} ({note})" if note else _resized(step)
    if isinstance(step, Crop):
        if step.max_square:
            return "cropped to the largest square"
        if step.central_fraction is not None:
            return f"cropped to the middle {100 * step.central_fraction:g} %"
        width, height = step.target or (0, 0)
        return f"cropped to {width}" if width == height else f"cropped to {width} x {height}"
    if isinstance(step, Normalization):
        return "normalized"
    if isinstance(step, Grey):
        return "made grey"
    return "BGR turned into RGB" if step.type == "bgr_to_rgb" else "RGB turned into BGR"


def _resized(step: Resize) -> str:
    width, height = step.target or (0, 0)
    match step.aspect_ratio_scale:
        case "greater":
            side = f"{width}" if width == height else f"{width} (height {height} if that is shorter)"
            return f"resized to {side} by the shorter side"
        case "width":
            return f"resized to a height of {height}"
        case "height":
            return f"resized to a width of {width}"
        case "fit_to_window":
            return f"resized to fit into {width} x {height}"
        case _:
            return f"stretched to {width} x {height}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
