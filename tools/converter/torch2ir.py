"""``torch2ir``: convert a checkpoint of timm's ResNet family, without PyTorch, with Model Optimizer's flags."""

from __future__ import annotations

from collections.abc import Sequence

from omz.converter.caffe2ir import run_standalone


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``torch2ir --help``."""
    return run_standalone(
        "Convert a checkpoint (.pth, .pt, .safetensors) of timm's ResNet family. PyTorch is not needed, and nothing in "
        "the file is run.",
        argv,
        caffe=False,
    )


if __name__ == "__main__":
    raise SystemExit(main())
