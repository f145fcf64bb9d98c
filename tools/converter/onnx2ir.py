"""``onnx2ir``: convert a network in ONNX, with Model Optimizer's flags."""

from __future__ import annotations

from collections.abc import Sequence

from omz.command import run
from omz.converter.caffe2ir import convert, standalone_parser
from omz.parser import Parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``onnx2ir --help``."""
    return run(build_parser(), convert, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    return standalone_parser("Convert a network in ONNX, with Model Optimizer's flags.", caffe=False)


if __name__ == "__main__":
    raise SystemExit(main())
