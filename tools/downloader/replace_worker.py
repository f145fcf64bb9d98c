"""Replace text in one file; run by path as a process of its own, because a regular expression can run for ever.

Uses the standard library alone. Reads ``{"source", "target", "pattern", "replacement", "count", "seconds",
"memory_bytes", "result_bytes"}`` as JSON from stdin and writes ``{"found": n}`` or ``{"error": text}`` to stdout.
"""

import json
import re
import sys
from contextlib import suppress
from pathlib import Path


def limit(seconds: int, memory_bytes: int) -> None:
    """Bound what this process may take; the system ends it at the bound."""
    try:
        import resource
    except ImportError:  # not a POSIX system; the parent's clock is the bound
        return
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory_bytes)):
        # macOS does not take the second; nobody takes more than a limit that holds already.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Do one request."""
    request = json.load(sys.stdin)
    limit(request["seconds"], request["memory_bytes"])
    try:
        # Open Model Zoo's tools read with universal newlines, and the patterns are written for that.
        text = Path(request["source"]).read_text(encoding="utf-8")
        text, found = re.compile(request["pattern"]).subn(request["replacement"], text, request["count"])
        result = text.encode("utf-8")
        if len(result) > request["result_bytes"]:
            answer: dict[str, object] = {
                "error": f"makes more than {request['result_bytes']} bytes of the file"
            }
        else:
            Path(request["target"]).write_bytes(result)
            answer = {"found": found}
    except UnicodeDecodeError:
        answer = {"error": "the file is not UTF-8 text"}
    except UnicodeEncodeError:
        answer = {"error": "the replacement cannot be written as UTF-8 text"}
    except MemoryError:
        answer = {"error": "needs too much memory"}
    except OSError as error:
        answer = {"error": error.strerror or str(error)}
    except (re.error, IndexError, RecursionError) as error:
        answer = {"error": f"the replacement does not fit the pattern: {error}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
