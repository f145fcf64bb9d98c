"""``omz_quantizer`` from a checkout, without an installed toolkit: ``python3 tools/quantizer/quantizer.py ...``."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parents[1] / "checkout.py"))["prepare"](__file__)
    from omz.quantizer.command import main

    raise SystemExit(main())
