"""``omz report``: a model and its converted forms on one self-contained HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import add_list_arguments
from omz.command import SUCCESS, add_common_arguments, positive_number, run
from omz.errors import UsageError, ZooError
from omz.files import check_writable
from omz.inference.arguments import add_input_argument, add_network_arguments, network_ports
from omz.parser import Parser
from omz.redaction import redacted
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.report.findings import Findings
    from omz.zoo.schema import Model


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz report --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Measure a converted model in all of its precisions and write one HTML page that holds "
        "everything: figures, charts, pictures with their classes. It loads nothing from elsewhere."
    )
    parser.add_argument("--name", required=True, metavar="NAME", help="the model")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where the page goes (default: <name>.html)"
    )
    parser.add_argument(
        "-m", "--model_dir", type=Path, default=Path(), metavar="DIR", help="what omz_converter -o was"
    )
    parser.add_argument(
        "--precisions", metavar="P[,P...]", help="those to report on (default: all that are there)"
    )
    add_input_argument(parser, default="those that come with the model, if any do")
    parser.add_argument(
        "--pictures",
        type=positive_number,
        default=12,
        metavar="N",
        help="pictures shown at most (default: 12)",
    )
    parser.add_argument(
        "-s",
        "--source",
        type=Path,
        metavar="DIR",
        help="labelled pictures to measure accuracy on, as accuracy_check takes them "
        "(default: those that come with the model, if any do)",
    )
    add_list_arguments(parser)
    parser.add_argument(
        "--subsample",
        type=positive_number,
        default=0,
        metavar="N",
        help="measure accuracy on so many of them",
    )
    parser.add_argument("-d", "--device", default="CPU", help="OpenVINO device (default: CPU)")
    parser.add_argument(
        "--infer_precision", choices=("f32", "f16", "bf16"), default="", help="default: the device chooses"
    )
    parser.add_argument(
        "-time",
        "--time",
        type=seconds,
        default=3.0,
        metavar="S",
        help="seconds for each measurement, two for each precision (default: 3)",
    )
    add_network_arguments(parser)
    parser.add_argument("--models_root", type=Path, metavar="DIR", help="folder of descriptors")
    add_common_arguments(parser)
    return parser


def seconds(text: str) -> float:
    """Parse the time of a measurement for argparse: more than 0 seconds, up to an hour."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"must be a number of seconds up to 3600, not {text!r}")
    return value


def _run(args: argparse.Namespace) -> int:
    from omz.report.collect import collect
    from omz.report.html import render
    from omz.report.options import Options

    model = _the_model(args)
    output = args.output or Path(f"{model.name}.html")
    check_writable(output, "--output")
    wanted = selection.parse_precisions(args.precisions) if args.precisions else ()
    findings = collect(
        model,
        Options(
            model_dir=args.model_dir,
            pictures=args.input or (),
            precisions=tuple(wanted),
            device=args.device,
            infer_precision=args.infer_precision,
            seconds=args.time,
            sample_count=args.pictures,
            dataset=args.source,
            annotations=args.annotations,
            label_order=args.label_order,
            subsample=args.subsample,
            ports=network_ports(args),
        ),
    )
    write(output, render(findings, commands(findings, args)))
    print(output)
    return SUCCESS


def _the_model(args: argparse.Namespace) -> Model:
    from omz.zoo.schema import Model

    args.all, args.list = False, None
    chosen = selection.selected_models(args)
    if len(chosen) != 1 or not isinstance(chosen[0], Model):
        names = ", ".join(stage.name for model in chosen for stage in model.stages)
        raise UsageError(f"--name {args.name}: a report is of one model; choose one of {names}")
    return chosen[0]


def write(path: Path, page: str) -> None:
    """Write a page; it appears whole or not at all.

    Raises:
        ZooError: It cannot be written.
    """
    from omz.files import whole_file, writing

    with writing(path, ZooError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, ZooError) as stream:
        stream.write(page.encode(errors="backslashreplace"))  # of a file's name that is no UTF-8


def commands(findings: Findings, args: argparse.Namespace) -> list[list[str]]:
    """Return what makes the same page again from nothing; paths are those that were given."""
    name = ["--name", findings.model.name]
    root = ["--models_root", str(args.models_root)] if args.models_root else []
    given = args.model_dir != Path()
    folder = str(args.model_dir)
    source, target = (["-d", folder], ["-o", folder]) if given else ([], [])
    precisions = [variant.precision for variant in findings.variants]
    exact = [precision for precision in precisions if "INT8" not in precision]
    made = [
        ["omz_downloader", *name, *target, *root],
        [
            "omz_converter",
            *name,
            *source,
            *target,
            *root,
            "--precisions",
            ",".join(exact or ["FP32", "FP16"]),
        ],
    ]
    tree = ["--model_dir", folder] if given else []
    data = ["--dataset_dir", str(args.source)] if args.source else []
    data += ["--annotations", str(args.annotations)] if args.annotations else []
    data += ["--label_order", args.label_order] if args.label_order else []
    for how, quantized in _alike(findings).items():
        made.append(["omz_quantizer", *name, *tree, *data, *root, *how, "--precisions", ",".join(quantized)])
    made.append(["omz", "report", *name, *_options(args), *root])
    return made


def _alike(findings: Findings) -> dict[tuple[str, ...], list[str]]:
    """Return the quantized precisions by the options that they were made with."""
    from omz.quantizer.options import command_options

    found: dict[tuple[str, ...], list[str]] = {}
    for variant in findings.variants:
        if "INT8" in variant.precision:
            found.setdefault(tuple(command_options(variant.quantization)), []).append(variant.precision)
    return found


def _options(args: argparse.Namespace) -> list[str]:
    """Return the options of the report that were not left at their defaults, as they were given."""
    parser = build_parser()
    kept = (
        *(
            "output",
            "model_dir",
            "precisions",
            "input",
            "pictures",
            "source",
            "annotations",
            "label_order",
            "subsample",
        ),
        *("device", "infer_precision", "time"),
    )
    words = []
    for name in kept:
        value = getattr(args, name)
        if value != parser.get_default(name):
            values = value if isinstance(value, list) else [value]
            words += [
                f"--{name}",
                *(f"{one:g}" if isinstance(one, float) else redacted(str(one)) for one in values),
            ]
    return words


if __name__ == "__main__":
    raise SystemExit(main())
