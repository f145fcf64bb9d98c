"""Find an IR by its path, or by the name of a model that was converted in the current tree."""

from __future__ import annotations

from pathlib import Path

from omz.errors import InferenceError

FOLDERS = ("public", "samples", "intel")
#: The most exact comes first; after these, any other precision folder in alphabetical order.
PRECISIONS = ("FP32", "FP16")


def find_model(name: str | Path, root: Path | None = None) -> Path:
    """Return the path of an IR's .xml file.

    ``name`` is a path to an .xml file, or a model's name: then ``<root>/public/<name>/<precision>/<name>.xml`` is
    looked for (and ``samples``, ``intel`` in place of ``public``), FP32 before FP16 before other precisions.

    Args:
        name: Path or name.
        root: Where the tree of converted models begins; the working directory by default.

    Raises:
        InferenceError: There is no such file; tells the command that makes it.
    """
    path = Path(name)
    if path.is_file() or path.suffix == ".xml" or len(path.parts) > 1:
        if not path.is_file():
            wrong = "is a folder; give the .xml file in it" if path.is_dir() else "no such file"
            raise InferenceError(f"{path}: {wrong}")
        return path
    base = root or Path()
    for folder in FOLDERS:
        found = {
            xml.parent.name: xml
            for xml in (base / folder).glob(f"{_literal(path.name)}/*/{_literal(path.name)}.xml")
        }
        if found:
            order = [*PRECISIONS, *sorted(found)]
            return next(found[precision] for precision in order if precision in found)
    places = ", ".join(f"{folder}/{path.name}/" for folder in FOLDERS)
    raise InferenceError(
        f"model {path.name!r}: no converted model in {places} of {base.resolve()}. Make it with:\n"
        f"omz_downloader --name {path.name} && omz_converter --name {path.name}"
    )


def _literal(name: str) -> str:
    import glob

    return glob.escape(name)
