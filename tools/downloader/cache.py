"""A cache of downloaded files in Open Model Zoo's layout, so that both can share one folder.

Format 1: ``<cache_dir>/1/<first two hexadecimal digits>/<the others>`` of the file's SHA-384, in lower case;
``<cache_dir>/1/staging`` holds files that are being put there.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from omz.files import private_path

log = logging.getLogger(__name__)

FORMAT = "1"
STALE_S = 24 * 3600  # a staging file as old as this belongs to a run that was killed


class Cache:
    """Files by their SHA-384. What is taken out must be verified: anybody may have written there."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / FORMAT

    def path(self, sha384: str) -> Path:
        """Return where the file with this digest (96 hexadecimal digits) is, or would be."""
        digits = sha384.lower()
        return self._root / digits[:2] / digits[2:]

    def put(self, sha384: str, source: Path) -> None:
        """Copy a verified file into the cache. A cache that takes no files is a warning, not an error."""
        staged = private_path(self._root / "staging")
        try:
            staged.parent.mkdir(parents=True, exist_ok=True)
            self._remove_stale(staged.parent)
            shutil.copyfile(source, staged)
            with staged.open("rb") as stream:
                os.fsync(stream.fileno())
            target = self.path(sha384)
            target.parent.mkdir(exist_ok=True)
            staged.replace(target)
        except OSError as error:
            log.warning(
                "%s: the cache does not take %s: %s", self._root, source.name, error.strerror or error
            )
        finally:
            with suppress(OSError):
                staged.unlink()

    def _remove_stale(self, staging: Path) -> None:
        for path in staging.iterdir():
            with suppress(OSError):  # another process may be quicker
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()
