"""``onnx2ir``: convert a network in ONNX, with Model Optimizer's flags."""

from __future__ import annotations

from collections.abc import Sequence

from omz.converter.caffe2ir import run_standalone


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``onnx2ir --help``."""
    return run_standalone("Convert a network in ONNX, with Model Optimizer's flags.", argv, caffe=False)


if __name__ == "__main__":
    raise SystemExit(main())
