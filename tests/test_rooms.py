"""The house: which room may import from which, and that no module imports itself by way of others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
#: From the ground up. A room imports from itself and from those before it, whether at once or when it is needed.
ROOMS = (
    "ground",
    "zoo",
    "converter",
    "inference",
    "downloader",
    "accuracy",
    "quantizer",
    "info_dumper",
    "describer",
    "report",
    "demos",
    "quickstart",
    "roof",
)
#: Nothing but the quickstart takes from these; the roof names what is under it in words.
LEAVES = {"demos": {"demos", "quickstart"}, "quickstart": {"quickstart"}, "roof": {"roof"}}


def modules() -> dict[str, Path]:
    """Return every module of the package by its import name."""
    found = {}
    for name, folder in (("omz", CHECKOUT / "tools"), ("omz.demos", CHECKOUT / "demos")):
        for path in folder.glob("**/*.py"):
            parts = [part for part in path.relative_to(folder).with_suffix("").parts if part != "__init__"]
            found[".".join([name, *parts])] = path
    return found


def room(module: str) -> str:
    if module in ("omz", "omz.cli"):
        return "roof"
    first = (*module.split("."), "")[1]
    return first if first in ROOMS else "ground"


def imports(path: Path, known: dict[str, Path]) -> Iterator[tuple[str, int, bool]]:
    """Yield (module of ours, line, whether for types only) of every import in a file, wherever it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: relative import in line {node.lineno}"
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [member if member in known else node.module for member in members]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name in known:
                yield name, node.lineno, id(node) in for_types


def test_rooms_import_from_below_only() -> None:
    known = modules()
    wrong = []
    for module, path in known.items():
        for target, line, _ in imports(path, known):
            here, there = room(module), room(target)
            if ROOMS.index(there) > ROOMS.index(here) or here not in LEAVES.get(there, ROOMS):
                wrong.append(f"{path.relative_to(CHECKOUT)}:{line}: {here} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {
        module: {target for target, _, for_types in imports(path, known) if not for_types} - {module}
        for module, path in known.items()
    }
    assert sum(map(len, graph.values())) > len(known)  # the imports were found at all
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_every_room_is_there() -> None:
    assert {room(module) for module in modules()} == set(ROOMS)


def test_text_leaves_by_one_way() -> None:
    """Consoles, bars and CSV of others would let names through that a terminal or a spreadsheet obeys."""
    wrong, columns = [], 0
    for module, path in modules().items():
        writers = of_rich(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(CHECKOUT)}:{getattr(node, 'lineno', 0)}"
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called.endswith(("csv.writer", "DictWriter")) and module != "omz.outgoing":
                wrong.append(f"{where}: {called}: use omz.outgoing.csv_text")
            if called == "TextColumn":
                columns += 1
                if "markup=False" not in map(ast.unparse, node.keywords):
                    wrong.append(f"{where}: {called}: markup=False is missing")
            if called in writers and module != "omz.safe_console":
                wrong.append(f"{where}: {called}: use omz.safe_console")
    assert not wrong, "\n".join(wrong)
    assert columns


def of_rich(path: Path) -> set[str]:
    """Return what a file imports of rich that writes by itself."""
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich"
        for alias in node.names
        if alias.name in ("Console", "Progress", "Live", "Status", "print", "track")
    }
