"""Which pairs of an IR are known to be sound: those that we wrote, and those that were tried out.

What an IR says of itself anybody can write into it. So it is remembered here, in the user's own cache folder, by what
is in the files: their digest. That of files which have not changed since it was made is found by their state, as
reading them takes longer than all else: device, inode, size, and the times of the last changes, of which no program
sets both.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from omz.digests import tree_digest
from omz.files import is_mostly_holes
from omz.private import private_path
from omz.regular_files import open_regular

#: For every use; what we have written ourselves.
ANY_USE = "any"
#: Of the form of all that is below; another one forgets what was before.
_FORM = "1"
#: The oldest half goes when there are more.
MAX_ENTRIES = 2048
#: A change within this time of another may leave no trace in a file's times.
_CLOCK_NS = 2_000_000_000
_DIGITS = 64


def known(xml: Path, use: str) -> bool:
    """Return whether a pair is known to be sound for a use."""
    folder = _folder()
    if folder is None or (digest := digest_of(xml, folder)) is None:
        return False
    return any((folder / _sound(digest, one)).exists() for one in (use, ANY_USE))


def remember(xml: Path, use: str) -> None:
    """Remember that a pair is sound for a use; without a place for it, it is tried out again next time."""
    folder = _folder()
    if folder is None or (digest := digest_of(xml, folder)) is None:
        return
    _write(folder, _sound(digest, use), b"")


def vouch_for_ours(xml: Path) -> None:
    """Remember a pair that we have written just now; it ends in its digest, see :mod:`omz.converter.pairs`."""
    folder, state = _folder(), _state(xml)
    if folder is None or state is None:
        return
    with suppress(OSError), open_regular(xml) as text, open_regular(xml.with_suffix(".bin")) as weights:
        weights.seek(-_DIGITS // 2, os.SEEK_END)
        end = weights.read()
        digest = _joined(hashlib.file_digest(text, "sha256").digest(), end, end)
        _write(folder, state, digest.encode())
        _write(folder, _sound(digest, ANY_USE), b"")


def digest_of(xml: Path, folder: Path | None = None) -> str | None:
    """Return the digest of what a pair holds; None if there is none, or one that is mostly holes.

    Args:
        xml: Of the pair.
        folder: Where digests are remembered.
    """
    state = _state(xml)
    if state is None:
        return None
    if folder is not None:
        with suppress(OSError), open_regular(folder / state) as entry:
            found = entry.read(_DIGITS + 1).decode("ascii", errors="replace")
            if len(found) == _DIGITS:
                return found
    try:
        digest = _read(xml)
    except OSError:
        return None
    if digest is None or _state(xml) != state:
        return None
    if folder is not None and _is_settled(xml):
        _write(folder, state, digest.encode())
    return digest


def _read(xml: Path) -> str | None:
    """Read both files; those that end in a digest of the rest have the same as what :func:`vouch_for_ours` says."""
    halves = (xml, xml.with_suffix(".bin"))
    if any(map(is_mostly_holes, halves)):
        return None  # holes would be read for ever
    with open_regular(halves[0]) as text, open_regular(halves[1]) as weights, ThreadPoolExecutor() as pool:
        of_text = pool.submit(lambda: hashlib.file_digest(text, "sha256").digest())
        size = max(os.fstat(weights.fileno()).st_size - _DIGITS // 2, 0)
        tree = tree_digest(weights.fileno(), size, pool)
        return _joined(of_text.result(), tree, os.pread(weights.fileno(), _DIGITS, size))


def _joined(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _state(xml: Path) -> str | None:
    """Return a name for the state of both files."""
    numbers: list[int] = []
    for path in (xml, xml.with_suffix(".bin")):
        try:
            found = path.stat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        numbers += [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    return _name("state", [str(number) for number in numbers])


def _is_settled(xml: Path) -> bool:
    changes = [path.stat().st_ctime_ns for path in (xml, xml.with_suffix(".bin"))]
    return max(changes) + _CLOCK_NS < time.time_ns()


def _sound(digest: str, use: str) -> str:
    """Return the name of the entry that says so: what one release of OpenVINO survives, another may not."""
    return _name("sound", [digest, use, _openvino()])


def _name(kind: str, parts: Sequence[str]) -> str:
    return f"{kind}-{hashlib.sha256(chr(0).join([_FORM, *parts]).encode()).hexdigest()}"


def _openvino() -> str:
    import openvino

    return str(openvino.__version__)


def _folder() -> Path | None:
    """Return the folder of the entries; None where there is none that is this user's alone."""
    stated = os.environ.get("XDG_CACHE_HOME", "")
    place = (
        Path(stated) if Path(stated).is_absolute() else None
    )  # others count for nothing, says its standard
    try:
        folder = (place or Path.home() / ".cache") / "omz" / "sound"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError):  # RuntimeError: nobody's home is known
        return None
    return folder if found.st_uid == os.geteuid() and not found.st_mode & 0o022 else None


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write an entry, whole or not at all; one that a power cut has emptied says nothing."""
    with suppress(OSError):
        fresh = private_path(folder)
        fresh.write_bytes(content)
        fresh.replace(folder / name)
        if len(os.listdir(folder)) > MAX_ENTRIES:  # noqa: PTH208 - twice as fast
            oldest_first = sorted(folder.iterdir(), key=lambda path: path.lstat().st_mtime_ns)
            for path in oldest_first[: MAX_ENTRIES // 2]:
                path.unlink(missing_ok=True)
