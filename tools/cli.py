"""The one-roof command: ``omz <command> ...`` runs the same code as the Open Model Zoo names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from omz.command import printing
from omz.suggestions import did_you_mean
from omz.version import __version__

#: command -> (module with ``main(argv)``, one line of help)
COMMANDS = {
    "download": ("omz.downloader.command", "fetch and verify model files (omz_downloader)"),
    "bundle": ("omz.downloader.bundle_command", "pack downloaded models for machines without a network"),
    "convert": ("omz.converter.command", "convert downloaded models to IR (omz_converter)"),
    "quantize": ("omz.quantizer.command", "quantize converted models to 8 bits (omz_quantizer)"),
    "classify": ("omz.demos.classification_demo.command", "classify images or video (classification_demo)"),
    "benchmark": (
        "omz.demos.classification_benchmark_demo.command",
        "measure speed and accuracy (classification_benchmark_demo)",
    ),
    "accuracy": (
        "omz.accuracy.command",
        "accuracy on a dataset, with confidence and errors (accuracy_check)",
    ),
    "caffe2ir": ("omz.converter.caffe2ir", "convert any prototxt + caffemodel to IR"),
    "torch2ir": (
        "omz.converter.torch2ir",
        "convert a checkpoint of timm's ResNet family to IR",
    ),
    "onnx2ir": ("omz.converter.onnx2ir", "convert a network in ONNX to IR"),
    "add": ("omz.describer.command", "make a model of a network of your own, for all other commands"),
    "info": (
        "omz.info_dumper.info",
        "size and cost of a model, and what its IR says of itself",
    ),
    "report": (
        "omz.report.command",
        "figures, charts and pictures of a model, as one HTML page",
    ),
    "dump": ("omz.info_dumper.command", "descriptors as JSON (omz_info_dumper)"),
    "pages": ("omz.zoo.pages", "write or check the model pages"),
    "quickstart": ("omz.quickstart", "the whole main job on the bundled sample, without a network"),
}


def usage() -> str:
    """Return the help text."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: omz <command> [options]",
            "",
            "commands:",
            *lines,
            "",
            "omz <command> --help tells the options.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see :data:`COMMANDS`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in COMMANDS:
        return printing("omz", lambda: _without_command(arguments))
    sys.argv[0] = f"omz {arguments[0]}"  # argparse takes the program name from here
    status: int = import_module(COMMANDS[arguments[0]][0]).main(arguments[1:])
    return status


def _without_command(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"omz {__version__}")
        return 0
    meant = did_you_mean(arguments[0], COMMANDS)
    print(f"omz: error: no command {arguments[0]!r}.{meant}\nomz --help lists the commands.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
