"""Where the IRs of a model are: in a tree of converted models, in a folder, or a file."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path

from omz.errors import InferenceError
from omz.files import read_bounded
from omz.inference.locate import FOLDERS as TREES

FOLDERS = ("FP32", "FP16", "FP32-INT8", "FP16-INT8")
MAX_XML_BYTES = 256 << 20
_CONSTANT = re.compile(rb'<data element_type="(f16|f32)" shape="[^"]*" offset="\d+" size="(\d+)"')


def is_file(root: Path) -> bool:
    """Tell whether ``-m`` names an IR itself, and not a folder to look into."""
    return root.suffix == ".xml" or root.is_file()


def find_irs(
    root: Path, name: str, precisions: str | None = None, subdirectory: Path | None = None
) -> dict[str, Path | None]:
    """Return the IRs of a model by precision.

    Args:
        root: Tree of converted models, folder of IRs, or one .xml file.
        name: Of the model.
        precisions: ``FP32,FP16-INT8``; None for all that are there.
        subdirectory: Where the model is in a tree, such as ``public/alexnet``; the usual places by default.

    Returns:
        The path of each IR, None for a precision that was asked for and is not there.

    Raises:
        InferenceError: There is no IR at all.
    """
    if is_file(root):
        return {precision_of(root): root}
    places = [root / subdirectory] if subdirectory else []
    places += [*(root / tree / name for tree in TREES), root / name, root]
    found: dict[str, Path] = {}
    for precision in FOLDERS:
        paths = (place / precision / f"{name}.xml" for place in places)
        if xml := next(filter(Path.is_file, paths), None):
            found[precision] = xml
    found = found or _beside_each_other(root, name)
    wanted = [part.strip() for part in precisions.split(",")] if precisions else list(found)
    chosen = {precision: found.get(precision) for precision in wanted}
    if not any(chosen.values()):
        there = f" (there are {', '.join(found)})" if found else ""
        raise InferenceError(
            f"no IR {name}.xml {f'in {precisions} ' if found else ''}in {root.resolve()}{there}. Make it with:\n"
            f"omz_downloader --name {name} && omz_converter --name {name}"
        )
    return chosen


def _beside_each_other(folder: Path, name: str) -> dict[str, Path]:
    """Return the IRs of a model directly in a folder: ``net.xml``, ``net-FP16.xml``, ``net_fp16_int8.xml``."""
    found: dict[str, Path] = {}
    for xml in sorted(folder.glob(f"{glob.escape(name)}*.xml")):
        told = xml.stem.removeprefix(name).strip("-_.").upper().replace("_", "-")
        if not told or told in FOLDERS:
            found.setdefault(told or precision_of(xml), xml)
    order = (*FOLDERS, *found)
    return dict(sorted(found.items(), key=lambda item: order.index(item[0])))


def precision_of(xml: Path) -> str:
    """Return the precision of an IR, by its folder or else by its weights; its file name if neither tells."""
    if xml.absolute().parent.name in FOLDERS:
        return xml.absolute().parent.name
    try:
        content = read_bounded(xml, MAX_XML_BYTES, "IR", InferenceError)
    except InferenceError:
        return xml.name  # whoever reads it next says what is wrong
    sizes: Counter[bytes] = Counter()
    for kind, size in _CONSTANT.findall(content):
        sizes[kind] += int(size)
    if not sizes:
        return xml.name
    quantized = "-INT8" if b'type="FakeQuantize"' in content else ""
    return f"FP{sizes.most_common(1)[0][0].decode()[1:]}{quantized}"
