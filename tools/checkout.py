"""Make ``omz`` the package of this checkout, for the scripts that model pages name.

Loaded by path, before anything of ``omz`` can be imported; uses the standard library alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
#: Packages by their folder, as setup.py maps them; what is below is found through the folder.
PACKAGES = {"omz": ROOT / "tools", "omz.demos": ROOT / "demos", "omz.models": ROOT / "models"}


class CheckoutFinder(MetaPathFinder):
    """Finds the packages in the checkout; goes before every finder of an installed ``omz``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a package of :data:`PACKAGES` is, None for everything else."""
        folder = PACKAGES.get(fullname)
        if folder is None:
            return None
        return spec_from_file_location(
            fullname, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )


def prepare(script: str) -> None:
    """Make ``omz`` importable for ``script``, whose own folder must not hide modules of other packages."""
    folder = Path(script).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    sys.meta_path.insert(0, CheckoutFinder())
