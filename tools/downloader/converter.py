"""``omz_converter`` from a checkout, without an installed toolkit: ``python3 tools/downloader/converter.py ...``."""

import runpy
from pathlib import Path

# "__mp_main__": processes that this one starts need the package as well.
if __name__ in ("__main__", "__mp_main__"):
    runpy.run_path(str(Path(__file__).resolve().parents[1] / "checkout.py"))["prepare"](__file__)

if __name__ == "__main__":
    from omz.converter.command import main

    raise SystemExit(main())
