"""Which converted network is meant: by a path of an IR, a folder of IRs, or the name of a model in a tree.

A tree is what ``omz_converter -o`` wrote: ``public/<name>/<precision>/<name>.xml`` (or ``samples``, ``intel``, or
where else the model's descriptor is below its root). A folder of IRs holds one network: ``FP32/net.xml`` and
``FP16/net.xml``, or ``net.xml`` and ``net-FP16.xml`` side by side; a model's folder in a tree is one.
"""

from __future__ import annotations

import glob
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError, UsageError
from omz.files import read_bounded
from omz.outgoing import printable
from omz.regular_files import open_regular, told_otherwise
from omz.suggestions import did_you_mean, files_near
from omz.zoo import catalogue

if TYPE_CHECKING:
    from omz.zoo.schema import Model

TREES = ("public", "samples", "intel")
#: The most exact comes first, in tables and where one is chosen; after these, any others in alphabetical order.
PRECISIONS = ("FP32", "FP16", "FP32-INT8", "FP16-INT8")
MAX_XML_BYTES = 256 << 20
MAX_LISTED = 20
#: Of files, for messages.
MAX_LOOKED_AT = 1000
#: Files that are given for the .xml by mistake: the other half of an IR, and what an IR is made of, by what makes it.
_OTHER_FILES = {".bin": ""} | {
    suffix: f" {command} makes one."
    for command, suffixes in {
        "caffe2ir": (".caffemodel", ".prototxt"),
        "onnx2ir": (".onnx",),
        "torch2ir": (".pth", ".pt", ".safetensors"),
    }.items()
    for suffix in suffixes
}
_CONSTANT = re.compile(rb'<data element_type="(f16|f32)" shape="[^"]*" offset="\d+" size="(\d+)"')
_WEIGHTS = re.compile(rb'<(?:caffemodel|checkpoint|onnx)_sha256 value="([0-9a-f]{64})"')
#: Of a file's name: net-FP16.xml, net_fp16_int8.xml, net.INT8.xml
_TOLD = re.compile(r"(?P<name>.+?)[-_.](?P<told>fp(?:32|16)(?:[-_.]?int8)?|int8)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Network:
    """A converted network.

    Attributes:
        name: That of its IRs, without a precision.
        irs: Paths of its .xml files by precision, the most exact first; at least one.
        model: Its descriptor, where it is a model of the zoo.
        missing: Precisions that were asked for and are not there.
    """

    name: str
    irs: dict[str, Path]
    model: Model | None = None
    missing: tuple[str, ...] = ()

    @property
    def most_exact(self) -> Path:
        """The IR to take where one is needed."""
        return next(iter(self.irs.values()))


def find_model(
    text: str | Path,
    models_dir: Path | None = None,
    *,
    precisions: Sequence[str] = (),
    root: Path | None = None,
) -> Path:
    """Return the path of one IR: the most exact of :func:`find_network`."""
    path = Path(text)
    if not precisions and path.suffix == ".xml" and path.is_file():
        return path
    return find_network(text, models_dir, precisions=precisions, root=root).most_exact


def find_network(
    text: str | Path,
    models_dir: Path | None = None,
    *,
    precisions: Sequence[str] = (),
    root: Path | None = None,
    known_to_zoo: bool = False,
) -> Network:
    """Return the network that ``text`` means.

    Args:
        text: Path of an .xml file, folder of the IRs of one network, or name of a model that was converted.
        models_dir: The tree of converted models, for names; the working directory by default.
        precisions: To choose among its IRs; () for all.
        root: Folder of descriptors; the toolkit's by default.
        known_to_zoo: Whether to look for its descriptor. For an IR that is given by its path, that is the one of its
            name, if the IR was made of the weights that the descriptor states.

    Raises:
        InferenceError: There is no such network or precision, or a folder holds several networks.
    """
    path, tree = Path(text), models_dir or Path()
    if path.is_file():
        made = _OTHER_FILES.get(path.suffix.lower())
        if made is not None:
            beside = path.with_suffix(".xml")
            meant = f" Did you mean {beside}?" if beside.is_file() else made
            raise InferenceError(f"{path}: is no IR; expected an .xml.{meant}")
        return _of_files([path], precisions, root, known_to_zoo=known_to_zoo)
    if len(path.parts) == 1 and path.suffix != ".xml":
        if irs := _irs_in_tree(tree, path.name, root):
            model = catalogue.find_model(path.name, root) if known_to_zoo else None
            return _chosen(path.name, irs, precisions, model)
        if not path.exists() or path.name in ("", ".."):
            raise InferenceError(_unknown_name(path.name, tree, root))
    if not path.is_dir():
        raise InferenceError(f"{path}: {told_otherwise(path) or f'no such file.{files_near(path)}'}")
    return _of_files(_irs_in_folder(path), precisions, root, path, known_to_zoo=known_to_zoo)


def network_in(
    models_dir: Path, name: str, precisions: Sequence[str] = (), model: Model | None = None
) -> Network:
    """Return the network of a name in a tree.

    Args:
        models_dir: The tree of converted models; or a folder of the model's IRs, or one .xml file whatever its name.
        name: Of the network.
        precisions: To choose among its IRs; () for all.
        model: Its descriptor, if it is a model of the zoo.

    Raises:
        InferenceError: There is none; tells the commands that make those of the zoo.
        UsageError: One .xml file is given, and precisions.
    """
    if models_dir.suffix == ".xml" or models_dir.is_file():
        if precisions:
            raise UsageError(f"-m {models_dir} is one IR; --precisions chooses among those of a folder")
        return Network(name, {precision_of(models_dir): models_dir}, model)
    irs = _irs_of(models_dir, name, Path(model.subdirectory) if model else None)
    return _chosen(name, irs, precisions, model, models_dir)


def _irs_of(models_dir: Path, name: str, subdirectory: Path | None) -> dict[str, Path]:
    """Return the IRs of a model by precision, wherever in a tree or a folder of IRs they are usually put."""
    places = [models_dir / subdirectory] if subdirectory else []
    places += [*(models_dir / tree / name for tree in TREES), models_dir / name, models_dir]
    found: dict[str, Path] = {}
    for place in places:
        for xml in sorted(place.glob(f"*/{glob.escape(name)}.xml")):
            if xml.parent.name.startswith("FP"):
                found.setdefault(xml.parent.name, xml)
    return _ordered(found) or _by_precision(models_dir, _named(models_dir.glob("*.xml"), name))


def _named(paths: Iterator[Path], name: str) -> list[Path]:
    return [path for path in sorted(paths) if network_name(path) == name or path.stem == name]


def _irs_in_tree(tree: Path, name: str, root: Path | None) -> dict[str, Path]:
    places = [tree / folder / name for folder in TREES]
    if folder := catalogue.folder_of(name, root):
        places.insert(0, tree / folder)
    for place in places:
        found = {xml.parent.name: xml for xml in place.glob(f"*/{glob.escape(name)}.xml")}
        if found:
            return _ordered(found)
    return {}


def _irs_in_folder(folder: Path) -> list[Path]:
    """Return the IRs that are in a folder, or in folders in it that are named for precisions.

    Raises:
        InferenceError: There is none; names the networks further down, if there are.
    """
    found = [path for path in sorted(folder.glob("FP*/*.xml")) if _is_ir(path)]
    found += [path for path in sorted(folder.glob("*.xml")) if _is_ir(path)]
    if found:
        return found
    if names := sorted({path.parent.parent.name for path in islice(_converted(folder), MAX_LOOKED_AT)}):
        raise InferenceError(
            f"{folder}: is a tree of converted models: {_listed(names)}.\n"
            f"Choose with --model NAME --models_dir {folder}, or --name PATTERN where the command has it."
        )
    deeper = (path for depth in ("*/*.xml", "*/FP*/*.xml", "*/*/*.xml") for path in folder.glob(depth))
    places = {
        str(path.parent.parent if path.parent.name in PRECISIONS else path.parent)
        for path in islice(deeper, MAX_LOOKED_AT)
        if _is_ir(path)
    }
    there = f". There are some in {_listed(sorted(places))}" if places else ""
    raise InferenceError(f"{folder}: holds no IR (.xml), nor do folders FP32, FP16 in it{there}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return printable(", ".join(names[:MAX_LISTED])) + more


def _of_files(
    paths: Sequence[Path],
    precisions: Sequence[str],
    root: Path | None,
    folder: Path | None = None,
    *,
    known_to_zoo: bool,
) -> Network:
    """Return the network that some IRs are of."""
    names = sorted({network_name(path) for path in paths})
    if len(names) > 1:
        raise InferenceError(
            f"{folder}: holds IRs of {len(names)} networks: {_listed(names)}. Give the .xml file of one."
        )
    irs = _by_precision(folder or paths[0].parent, paths)
    model = _model_of(names[0], irs, root) if known_to_zoo else None
    return _chosen(names[0], irs, precisions, model, folder)


def _by_precision(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """Return IRs by precision.

    Raises:
        InferenceError: Two are of one precision.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if other := found.get(precision := precision_of(path)):
            raise InferenceError(
                f"{folder}: {other.name} and {path.name} are both {precision}. Give the .xml file of one."
            )
        found[precision] = path
    return _ordered(found)


def _ordered(irs: dict[str, Path]) -> dict[str, Path]:
    order = [*PRECISIONS, *sorted(irs)]
    return {precision: irs[precision] for precision in sorted(irs, key=order.index)}


def _chosen(
    name: str,
    irs: dict[str, Path],
    precisions: Sequence[str],
    model: Model | None = None,
    place: Path | None = None,
) -> Network:
    """Return the network with the precisions that are asked for.

    Raises:
        InferenceError: None of them is there.
    """
    wanted = [precision for precision in precisions if precision in irs] if precisions else list(irs)
    if wanted:
        missing = tuple(precision for precision in precisions if precision not in irs)
        return Network(name, {precision: irs[precision] for precision in wanted}, model, missing)
    asked, there = (f" in {','.join(precisions)}", f" (there are {', '.join(irs)})") if irs else ("", "")
    where = f" in {place.resolve()}" if place else ""
    message = f"no IR {name}.xml{asked}{where}{there}"
    if model is None:
        raise InferenceError(message)
    quantized = irs and all(precision.endswith("INT8") for precision in precisions)
    root = catalogue.root_of(model)
    if quantized:
        recipe = shlex.join(["omz_quantizer", "--name", name, *catalogue.root_flags(root)])
    else:
        recipe = _recipe(name, root, None if irs else place)
    raise InferenceError(f"{message}. Make it with:\n{recipe}")


def _recipe(name: str, root: Path | None, tree: Path | None) -> str:
    """Return the commands that make a model of the zoo, in a tree."""
    words = ["--name", name, *catalogue.root_flags(root)]
    elsewhere = tree is not None and tree.resolve() != Path.cwd()
    download = ["omz_downloader", *words, *(["-o", str(tree)] if elsewhere else [])]
    convert = ["omz_converter", *words, *(["-d", str(tree)] if elsewhere else [])]
    return f"{shlex.join(download)} && {shlex.join(convert)}"


def _unknown_name(name: str, tree: Path, root: Path | None) -> str:
    zoo = catalogue.model_names(root or catalogue.default_root())
    if name in zoo:
        place = tree.resolve() / (catalogue.folder_of(name, root) or name)
        return f"model {name!r}: no converted model in {place}. Make it with:\n{_recipe(name, root, tree)}"
    converted = {path.parent.parent.name for path in islice(_converted(tree), MAX_LOOKED_AT)}
    meant = did_you_mean(name, {*zoo, *converted})
    return (
        f"model {printable(name)!r}: no file or folder of that name, and no converted model in "
        f"{', '.join(f'{folder}/' for folder in TREES)} of {tree.resolve()}.{meant}"
    )


def _converted(tree: Path) -> Iterator[Path]:
    return (path for folder in TREES for path in (tree / folder).glob("*/*/*.xml"))


def _is_ir(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return b"<net" in file.read(4096)
    except OSError:
        return False


def network_name(xml: Path) -> str:
    """Return the name of an IR's network: that of the file, without a precision.

    >>> [network_name(Path(name)) for name in ("net.xml", "net-FP16.xml", "my_net_fp16_int8.xml", "int8.xml")]
    ['net', 'net', 'my_net', 'int8']
    """
    match = _TOLD.fullmatch(xml.stem)
    return match["name"] if match else xml.stem


def precision_of(xml: Path) -> str:
    """Return the precision of an IR: by its folder, its name or its weights; its file's name if none tells."""
    if xml.absolute().parent.name in PRECISIONS:
        return xml.absolute().parent.name
    if (match := _TOLD.fullmatch(xml.stem)) and len(told := match["told"].upper()) > 4:
        return f"{told[:4]}-INT8"
    if match and match["told"].upper() != "INT8":
        return match["told"].upper()
    if xml.suffix != ".xml":
        return xml.name
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


def _model_of(name: str, irs: dict[str, Path], root: Path | None) -> Model | None:
    """Return the descriptor of a model of the zoo that all these IRs are of, by the digests of their weights."""
    model = catalogue.find_model(name, root)
    if model is None:
        return None
    known = [digest for file in model.files for digest in file.digests if digest.algorithm == "sha256"]
    for xml in irs.values():
        made_of = _WEIGHTS.search(read_bounded(xml, MAX_XML_BYTES, "IR", InferenceError))
        if made_of is None or not any(digest.holds(made_of[1].decode()) for digest in known):
            return None
    return model
