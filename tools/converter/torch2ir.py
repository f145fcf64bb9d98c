"""``torch2ir``: convert a checkpoint of timm's ResNet family, without PyTorch, with Model Optimizer's flags."""

from __future__ import annotations

from collections.abc import Sequence

from omz.command import run
from omz.converter.caffe2ir import convert, standalone_parser
from omz.parser import Parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``torch2ir --help``."""
    return run(build_parser(), convert, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    return standalone_parser(
        "Convert a checkpoint (.pth, .pt, .safetensors) of timm's ResNet family. PyTorch is not needed, and nothing in "
        "the file is run.",
        caffe=False,
    )


if __name__ == "__main__":
    raise SystemExit(main())
