"""What a terminal would obey, in names; and a terminal to see what arrives there."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sysconfig
import threading
from pathlib import Path

#: A colour that is none of ours, a title, a link, a C1 control, text turned round, text hidden, erased and overwritten.
EVIL = "e\x1b[35;41mv\x1b]0;t\x07\x1b]8;;http:x\x1b\\i\x9b5ml\u202e\u200b\u2028\r\b[red]r[/red]:bomb:\nFORGED"
#: The same for file names, with what is no UTF-8.
EVIL_FILE = EVIL.replace("/", "\\") + "\udcff\udc9b7m"
#: The same within XML, which has no raw ESC but takes it as a number.
EVIL_XML = "".join(f"&#{ord(c)};" if c not in "\udcff" else "" for c in EVIL)

#: What rich draws with: colours, cursor, lines erased; and ends of lines, as a terminal has them.
_OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[(?:2K|\d*A|\?25[lh])|\r(?=\x1b\[)|\r+\n")


def check(shown: str) -> None:
    """Check that nothing has reached a terminal but text and what is ours."""
    assert "\x1b[35;41m" not in shown, ascii(shown)
    left = _OURS.sub("\n", shown)
    assert all(c.isprintable() or c in "\n\t" for c in left), ascii(left)
    assert not re.search(r"^FORGED", shown, re.MULTILINE), f"a line that is none of ours: {shown!a}"
    assert "Traceback" not in shown, shown
    assert "internal error" not in shown, shown


def in_terminal(folder: Path, *words: object, patience: float = 60) -> tuple[int, str]:
    """Run a command of ours on a terminal; returns its exit status and what the terminal got, checked."""
    command = [str(Path(sysconfig.get_path("scripts")) / str(words[0])), *map(str, words[1:])]
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "200", "PYTHONUTF8": "1"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    timer = threading.Timer(patience, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    data = bytearray()
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        data += piece
    os.close(ours)
    status = process.wait()
    timer.cancel()
    assert status >= 0, f"died of signal {-status}: {data[-500:]!r}"
    shown = data.decode()
    check(shown)
    return status, shown
