"""Run a command, and write down what it took: ``launch.py DESCRIPTOR COMMAND...``.

A process is counted the memory of whoever started it, until it becomes another program, as its own; so a small one
starts it, and not that of the tests.
"""

from __future__ import annotations

import os
import sys

os.set_inheritable(int(sys.argv[1]), False)
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
taken = f"{os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}"
os.write(int(sys.argv[1]), taken.encode())
