"""Which IRs are to be made of which, and where they go."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omz.errors import InferenceError, UsageError
from omz.inference.choice import Choice, choices, tree
from omz.inference.locate import Network
from omz.zoo import selection
from omz.zoo.schema import QUANTIZED_PRECISIONS, Model

log = logging.getLogger(__name__)

_SUFFIX = "-INT8"


@dataclass(frozen=True, slots=True)
class Task:
    """One IR to make of another.

    Attributes:
        network: Which has the other among its IRs.
        precision: FP16-INT8 or FP32-INT8.
        xml: The IR in floating point; it may not be there yet.
        output: The ``.xml`` to write.
    """

    network: Network
    precision: str
    xml: Path
    output: Path


def tasks_of(args: argparse.Namespace) -> list[Task]:
    """Return the tasks that the command line asks for.

    Raises:
        UsageError: No 8-bit precision is asked for, or one file is to hold several IRs.
        InferenceError: A network is not there.
    """
    wanted = selection.parse_precisions(args.precisions)
    if not wanted & set(QUANTIZED_PRECISIONS):
        raise UsageError(f"--precisions {args.precisions}: expected {' or '.join(QUANTIZED_PRECISIONS)}")
    tasks = [task for choice in choices(args, precisions=()) for task in _tasks(choice, wanted, args)]
    if args.output and args.output.suffix == ".xml" and len(tasks) > 1:
        listed = ", ".join(f"{task.network.name} {task.precision}" for task in tasks)
        raise UsageError(f"--output {args.output}: is one IR, and {len(tasks)} are to be made: {listed}")
    return tasks


def task_of(network: Network, precision: str = "", output: Path | None = None) -> Task:
    """Return the task of one network.

    Args:
        network: Which is there.
        precision: Of the new IR; by default that of the most exact one that is there, with ``-INT8``.
        output: Where it goes; see :func:`tasks_of`.

    Raises:
        UsageError: The precision is not known.
        InferenceError: The network is quantized already.
    """
    exact = _in_floating_point(network)
    found = next(iter(exact))
    wanted = precision or f"{found if found in ('FP16', 'FP32') else 'FP32'}{_SUFFIX}"
    if wanted not in QUANTIZED_PRECISIONS:
        raise UsageError(f"precision {wanted!r}: expected {' or '.join(QUANTIZED_PRECISIONS)}")
    xml = exact.get(wanted.removesuffix(_SUFFIX)) or exact[found]
    return Task(network, wanted, xml, _output(network, wanted, xml, output))


def _in_floating_point(network: Network) -> dict[str, Path]:
    exact = {precision: xml for precision, xml in network.irs.items() if not precision.endswith(_SUFFIX)}
    if not exact:
        raise InferenceError(f"{network.name}: its IR is quantized already ({', '.join(network.irs)})")
    return exact


def _tasks(choice: Choice, wanted: set[str], args: argparse.Namespace) -> Iterator[Task]:
    if choice.model:
        yield from _of_the_tree(choice.model, wanted, args)
        return
    network = choice.find()
    exact = _in_floating_point(network)
    if args.precisions is None and not exact.keys() & {"FP16", "FP32"}:
        raise InferenceError(
            f"{network.name}: its IR has no weights of FP16 or FP32. Say what to make of it with "
            f"--precisions {QUANTIZED_PRECISIONS[0]}"
        )
    for precision in QUANTIZED_PRECISIONS:
        source = precision.removesuffix(_SUFFIX)
        if precision in wanted and (source in exact or args.precisions is not None):
            xml = exact.get(source) or next(iter(exact.values()))
            yield Task(network, precision, xml, _output(network, precision, xml, args.output))


def _of_the_tree(model: Model, wanted: set[str], args: argparse.Namespace) -> Iterator[Task]:
    from omz.converter.zoo_model import ir_path

    if not model.quantizable:
        log.info("%s: skipped, its descriptor does not say that it is quantizable", model.name)
    for precision in model.quantization_output_precisions:
        if precision in wanted:
            source = precision.removesuffix(_SUFFIX)
            xml = ir_path(model, tree(args), source)
            output = ir_path(model, args.output or tree(args), precision)
            if args.output and args.output.suffix == ".xml":
                output = args.output
            yield Task(Network(model.name, {source: xml}, model), precision, xml, output)


def _output(network: Network, precision: str, xml: Path, wanted: Path | None) -> Path:
    """Return where the IR of a network of one's own goes: beside its source, or where it is wanted.

    ``FP16/net.xml`` becomes ``FP16-INT8/net.xml``, and ``net.xml`` ``net-FP16-INT8.xml``.
    """
    if wanted is not None:
        return wanted if wanted.suffix == ".xml" else wanted / precision / f"{network.name}.xml"
    if xml.absolute().parent.name in (precision.removesuffix(_SUFFIX), "FP16", "FP32"):
        return xml.absolute().parent.parent / precision / xml.name
    return xml.with_name(f"{network.name}-{precision}.xml")
