"""Start-up of a light command, against the interpreter alone.

    python benchmarks/startup.py [--rounds 15]

The bound: three times ``python -c pass``, plus what importing pydantic and yaml takes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from processes import interleaved, median_wall


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    binaries = Path(sys.executable).parent
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import pydantic, yaml'": [sys.executable, "-c", "import pydantic, yaml"],
        "omz_downloader --print_all": [str(binaries / "omz_downloader"), "--print_all"],
        "omz_converter --print_all": [str(binaries / "omz_converter"), "--print_all"],
        "omz --help": [str(binaries / "omz"), "--help"],
    }
    walls = {name: median_wall(runs) for name, runs in interleaved(commands, args.rounds).items()}
    bare, schema = list(walls.values())[:2]
    bound = 3 * bare + (schema - bare)
    print(f"median of {args.rounds} rounds; bound {1000 * bound:.0f} ms\n")
    print("| command | ms | of the bound |")
    print("|---|---|---|")
    for name, wall in walls.items():
        print(f"| `{name}` | {1000 * wall:.0f} | {wall / bound:.2f} |")


if __name__ == "__main__":
    main()
