"""Convert a model of the zoo: its descriptor and downloaded files -> IRs."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from omz.converter import model_optimizer as mo
from omz.converter.arguments import Arguments
from omz.converter.network import CLASSIFICATION_INFO, verification
from omz.converter.picture_steps import record, step_flags
from omz.errors import ConversionError, DescriptorError, located
from omz.regular_files import told_otherwise
from omz.zoo.catalogue import MODEL_FILE, load_model, root_flags, root_of
from omz.zoo.labels import descriptor_labels, labels_source
from omz.zoo.network import ModelInfo
from omz.zoo.schema import Model

if TYPE_CHECKING:
    from omz.zoo.steps import PictureSteps

log = logging.getLogger(__name__)

#: What to do with a model of a framework that is not converted here.
_INSTEAD = {
    "tf": "OpenVINO reads TensorFlow's files itself: `ovc FILE`",
    "paddle": "OpenVINO reads PaddlePaddle's files itself: `ovc FILE.pdmodel`",
    "mxnet": "Model Optimizer 2023.3 was the last to read it: `pip install openvino-dev[mxnet]==2023.3.0`",
}


def mo_arguments(model: Model, download_dir: Path, output_dir: Path, extra: Sequence[str] = ()) -> Arguments:
    """Return the descriptor's ``model_optimizer_args``, variables replaced, together with its ``input_info``.

    Raises:
        ConversionError: An argument is not understood; names the descriptor and the argument.
    """
    # Some descriptors state the name of the IR, which is the model's in any case.
    of_descriptor = [
        text for text in model.model_optimizer_args or () if text != f"--model_name={model.name}"
    ]
    stated = [*of_descriptor, *extra]
    flags = {text.partition("=")[0] for text in stated}
    # Since 2022.1 descriptors state names, shapes and layouts in input_info; before, among the arguments.
    inputs = model.input_info
    if inputs and "--input" not in flags:
        stated.append(f"--input={','.join(one.name for one in inputs)}")
    if "--input_shape" not in flags and inputs and all(one.shape for one in inputs):
        stated.append(f"--input_shape={','.join(_bracketed(one.shape or []) for one in inputs)}")
    if "--layout" not in flags and (laid_out := [one for one in inputs if one.layout]):
        stated.append(f"--layout={','.join(f'{one.name}({one.layout})' for one in laid_out)}")
    folders = {
        "dl_dir": download_dir / model.subdirectory,
        "conv_dir": output_dir / model.subdirectory,
        "config_dir": model.directory,
    }
    with located(f"{model.directory / 'model.yml'}: key 'model_optimizer_args'"):
        try:
            texts = [Template(text).substitute(folders) for text in stated]
            arguments = mo.parse(texts, caffe=model.framework == "caffe")
        except (KeyError, ValueError) as error:
            raise ConversionError(f"{error}: known variables are ${', $'.join(folders)}") from error
        _check_places(arguments, folders, extra)
    return arguments


def _check_places(arguments: Arguments, folders: Mapping[str, Path], extra: Sequence[str]) -> None:
    """Refuse files that a descriptor asks for elsewhere: a stranger's would read what is not the model's.

    Raises:
        ConversionError: One is neither in the model's own folders nor named by the user.
    """
    for path in (arguments.input_model, arguments.input_proto, arguments.mean_file):
        inside = path is None or any(
            path.is_relative_to(folder) and ".." not in path.relative_to(folder).parts
            for folder in folders.values()
        )
        if not inside and not any(str(path) in text for text in extra):
            raise ConversionError(
                f"{str(path)[:200]!r} is not in the model's own folders, ${', $'.join(folders)}; that is refused"
            )


def ir_path(model: Model, output_dir: Path, precision: str) -> Path:
    """Return where the IR of a model goes."""
    return output_dir / model.subdirectory / precision / f"{model.name}.xml"


def convert_model(
    model: Model, download_dir: Path, output_dir: Path, precisions: Sequence[str], extra: Sequence[str] = ()
) -> list[Path]:
    """Convert one model to each of the precisions.

    Returns:
        The ``.xml`` files written.

    Raises:
        ConversionError: The model cannot be converted; says what to do.
    """
    arguments = checked_arguments(model, download_dir, output_dir, extra)
    for path in (arguments.input_proto, arguments.input_model):
        if path is not None and not path.is_file():
            why = told_otherwise(path) or "is not there"
            raise ConversionError(f"{path}: {why}. Get it with: {download_command(model, download_dir)}")
    from omz.converter.build import build_model
    from omz.converter.ir import write_ir

    began = time.perf_counter()
    declared = model.pytorch.model_dump() if model.pytorch else None
    built = build_model(arguments, model.name, _info(model.model_info), _labels(model), declared)
    if steps := _steps(model, arguments):
        try:
            record(built, steps)
        except ConversionError as error:
            log.info("%s: that is not recorded: %s", model.name, error)
    written = []
    for precision in precisions:
        xml = ir_path(model, output_dir, precision)
        check = verification(arguments, xml, precision) if arguments.verify else None
        write_ir(
            built,
            xml,
            compress_to_fp16=precision.startswith("FP16"),
            check=check,
            sound=not arguments.of_onnx,
        )
        log.info("%s", xml)
        written.append(xml)
    log.info("%s: %s in %.2f s", model.name, " and ".join(precisions), time.perf_counter() - began)
    return written


def checked_arguments(
    model: Model, download_dir: Path, output_dir: Path, extra: Sequence[str] = ()
) -> Arguments:
    """Return what :func:`mo_arguments` does, if the model is of a framework that is converted here.

    A model that its authors publish for another framework and convert by way of ONNX is, once the ONNX file is there.

    Raises:
        ConversionError: It is not, and what to do instead; or an argument is not understood.
    """
    if model.framework in ("caffe", "onnx") or model.pytorch is not None:
        return mo_arguments(model, download_dir, output_dir, extra)
    if model.conversion_to_onnx_args is None:
        instead = _INSTEAD.get(model.framework, "export it to ONNX and describe that with 'framework: onnx'")
        raise ConversionError(
            f"models of framework {model.framework!r} are not converted by this version. {instead}; "
            f"'model_optimizer_args' in {model.directory / 'model.yml'} state how"
        )
    arguments = mo_arguments(model, download_dir, output_dir, extra)
    if not arguments.input_model.is_file():
        raise ConversionError(
            f"models of framework {model.framework!r} are converted from ONNX, and this version does not export them. "
            f"Export it to {arguments.input_model} ('conversion_to_onnx_args' in {model.directory / 'model.yml'} state "
            "how), then run this again"
        )
    return arguments


def convert_by_path(
    descriptor: Path,
    root: Path,
    download_dir: Path,
    output_dir: Path,
    precisions: Sequence[str],
    extra: Sequence[str],
) -> list[Path]:
    """Do the same for a descriptor that is named by its path, as another process gets it."""
    return convert_model(load_model(descriptor, root), download_dir, output_dir, precisions, extra)


def download_command(model: Model, download_dir: Path) -> str:
    """Return the command that downloads a model."""
    words = ["omz_downloader", "--name", model.name, *root_flags(root_of(model))]
    if download_dir.resolve() != Path.cwd():
        words += ["-o", str(download_dir)]
    return shlex.join(words)


def standalone_command(model: Model, arguments: Arguments, output_dir: Path, precision: str) -> str:
    """Return the ``caffe2ir``, ``onnx2ir`` or ``torch2ir`` command line that makes the same network."""
    proto = arguments.input_proto
    other = "torch2ir" if model.pytorch else "onnx2ir"
    words = [
        *([other] if proto is None else ["caffe2ir", f"--input_proto={proto}"]),
        f"--input_model={arguments.input_model}",
        *([f"--mean_file={arguments.mean_file}"] if arguments.mean_file else []),
        *arguments.flags(),
        f"--compress_to_fp16={precision.startswith('FP16')}",
        f"--output_dir={ir_path(model, output_dir, precision).parent}",
        f"--model_name={model.name}",
    ]
    if labels := model.model_info.labels:
        source: str | Path = model.directory / MODEL_FILE
        if isinstance(labels, str):
            source = labels_source(labels, model.directory)
        words.append(f"--labels={source}")
    usual = CLASSIFICATION_INFO if labels else {}
    for key, value in _info(model.model_info).items():
        if usual.get(key) != value:
            shown = " ".join(map(str, value)) if isinstance(value, list) else value
            words.append(f"--model_info={key}={shown}")
    if steps := _steps(model, arguments):
        words += step_flags(steps)
    return shlex.join(words)


def _steps(model: Model, arguments: Arguments) -> PictureSteps | None:
    """Return how pictures are prepared for a classifier, as its ``accuracy-check.yml`` says.

    Returns:
        None where there is no such file, it is of another kind, or not for pictures of the input's size.
    """
    path = model.directory / "accuracy-check.yml"
    if model.task_type != "classification" or not path.is_file():
        return None
    from omz.zoo.accuracy_check import load_evaluation
    from omz.zoo.step_effects import misfit

    try:
        steps = load_evaluation(path).steps
        shape = arguments.input_shapes[0] if len(arguments.input_shapes) == 1 else ()
        nhwc = "NHWC" in (arguments.layouts or {}).values()
        height, width = shape[1:3] if nhwc else shape[2:] if len(shape) == 4 else (-1, -1)
        problem = misfit(steps, (width, height)) if min(width, height) > 0 else ""
    except DescriptorError as error:
        problem = str(error)
    if problem:
        log.info("%s: how pictures are prepared is not recorded: %s", model.name, problem)
        return None
    return steps


def _info(info: ModelInfo) -> dict[str, object]:
    return info.model_dump(exclude_none=True, exclude={"labels"})


def _labels(model: Model) -> list[str]:
    with located(f"{model.directory / 'model.yml'}: key 'model_info.labels'"):
        return [label.name for label in descriptor_labels(model.model_info.labels, model.directory)]


def _bracketed(shape: Sequence[int | str]) -> str:
    return f"[{','.join(map(str, shape))}]"
