"""omz_converter and omz_downloader on descriptors of every framework and both generations of Open Model Zoo."""

import hashlib
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import yaml
from downloader.loopback import Loopback

from nets.conversion import run_model
from nets.onnx_nets import classifier, computed, write
from omz.converter import command as converter
from omz.converter import onnx2ir
from omz.downloader import command as downloader
from omz.zoo.catalogue import load_model

INPUT = [{"name": "data", "shape": [1, 3, 8, 8], "layout": "NCHW"}]
PREPROCESSING = [
    "--mean_values=data[104.0,117.0,123.0]",
    "--scale_values=data[58.8]",
    "--reverse_input_channels",
]
NEW = {"input_info": INPUT}  # as since 2022.1
OLD = ["--input=data", "--input_shape=[1,3,8,8]"]  # as until 2021.4
PICTURE = np.random.default_rng(1).integers(0, 256, (1, 3, 8, 8)).astype(np.float32)

Describe = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def describe(root: Path) -> Describe:
    """Write the descriptor of a model; returns the folder of its descriptor."""

    def describe_(place: str, framework: str, **keys: object) -> Path:
        content = {
            "description": "A net",
            "task_type": "classification",
            "files": keys.pop("files", []),
            "framework": framework,
            "license": "https://example.com/LICENSE",
            **keys,
        }
        folder = root / place
        folder.mkdir(parents=True)
        (folder / "model.yml").write_text(yaml.safe_dump(content))
        return folder

    return describe_


@pytest.fixture
def convert(root: Path, tmp_path: Path) -> Callable[..., int]:
    def convert_(*arguments: str) -> int:
        folders = ["--models_root", str(root), "-d", str(tmp_path / "dl"), "-o", str(tmp_path / "ir")]
        return converter.main([*arguments, *folders])

    return convert_


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback()
    yield loopback
    loopback.close()


def mo_args(*arguments: str, file: str = "$dl_dir/net.onnx") -> list[str]:
    return [f"--input_model={file}", *arguments]


@pytest.mark.parametrize("generation", ["2021.4", "2022.1"])
def test_onnx(describe, convert, tmp_path, generation):
    keys = {
        "model_optimizer_args": mo_args(
            *PREPROCESSING, "--output=prob", *([] if generation == "2022.1" else OLD)
        )
    }
    describe("public/net", "onnx", **keys, **(NEW if generation == "2022.1" else {}))
    model = classifier()
    write(model, tmp_path / "dl/public/net/net.onnx")
    assert convert("--name", "net") == 0
    mean = np.array([104, 117, 123], np.float32).reshape(1, 3, 1, 1)
    expected = computed(model, data=(PICTURE[:, ::-1] - mean) / np.float32(58.8))["prob"]
    for precision, tolerance in (("FP32", 1e-5), ("FP16", 1e-2)):
        xml = tmp_path / "ir/public/net" / precision / "net.xml"
        results = run_model(xml, {"data": PICTURE})
        assert list(results) == ["prob"]
        np.testing.assert_allclose(results["prob"], expected, atol=tolerance)
        assert str(ov.Core().read_model(xml).input("data").get_partial_shape()) == "[1,3,8,8]"


def test_model_info_of_the_descriptor_goes_into_the_ir(describe, convert, tmp_path):
    info = {"model_type": "Classification", "labels": list("abcde"), "confidence_threshold": 0.5}
    describe("public/net", "onnx", model_optimizer_args=mo_args(), model_info=info, **NEW)
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    assert convert("--all", "--precisions=FP32") == 0
    told = ov.Core().read_model(tmp_path / "ir/public/net/FP32/net.xml").get_rt_info()["model_info"]
    assert {key: told[key].value for key in info} == {
        "model_type": "Classification", "labels": "a b c d e", "confidence_threshold": "0.5",
    }  # fmt: skip


def test_int8_weights_give_int8_precisions(describe, convert, tmp_path):
    describe("public/net", "onnx", model_optimizer_args=mo_args(), quantized="INT8", **NEW)
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    assert convert("--all", "--precisions=FP16,FP32") == 0
    assert not (tmp_path / "ir").exists()
    assert convert("--all", "--precisions=FP16-INT8,FP32") == 0
    assert [path.parent.name for path in (tmp_path / "ir").rglob("*.xml")] == ["FP16-INT8"]


@pytest.mark.parametrize(("flag", "expected"), [("4", "[4,3,8,8]"), ("-1", "[?,3,8,8]")])
def test_batch(describe, convert, tmp_path, flag, expected):
    describe("public/net", "onnx", model_optimizer_args=mo_args(*PREPROCESSING), **NEW)
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    assert convert("--all", "--precisions=FP32", f"--batch={flag}") == 0
    model = ov.Core().read_model(tmp_path / "ir/public/net/FP32/net.xml")
    assert str(model.input("data").get_partial_shape()) == expected


@pytest.mark.parametrize("flag", ["0", "-2", "x"])
def test_batch_that_is_none(describe, convert, flag):
    describe("public/net", "onnx", model_optimizer_args=mo_args())
    assert convert("--all", f"--batch={flag}") == 2


def test_dry_run_prints_commands_that_make_the_same_bytes(describe, convert, tmp_path, capsys):
    describe("public/net", "onnx", model_optimizer_args=mo_args(*PREPROCESSING, "--output=logits"), **NEW)
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    assert convert("--all", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["onnx2ir", "onnx2ir"]
    assert convert("--all") == 0
    written = {path: path.read_bytes() for path in (tmp_path / "ir").rglob("*") if path.is_file()}
    for path in written:
        path.unlink()
    for line in lines:
        assert onnx2ir.main(shlex.split(line)[1:]) == 0
    assert {path: path.read_bytes() for path in (tmp_path / "ir").rglob("*") if path.is_file()} == written


@pytest.mark.parametrize("framework", ["pytorch", "caffe2"])
def test_by_way_of_onnx(describe, convert, tmp_path, capsys, framework):
    arguments = mo_args("--model_name=net", "--output=prob", *OLD, file="$conv_dir/net.onnx")
    describe(
        "public/net", framework, model_optimizer_args=arguments, conversion_to_onnx_args=["--model-name=Net"]
    )
    for dry in ([], ["--dry_run"]):
        assert convert("--all", *dry) == 1
        error, failed = capsys.readouterr().err.split("\nFAILED:\n")
        assert error.startswith(f"net: error: models of framework '{framework}' are converted from ONNX")
        assert f"Export it to {tmp_path}/ir/public/net/net.onnx" in error
        assert error.count("\n") == 1
        assert failed == "net\n"
    write(classifier(), tmp_path / "ir/public/net/net.onnx")
    assert convert("--all", "--precisions=FP32") == 0
    assert (tmp_path / "ir/public/net/FP32/net.xml").is_file()


@pytest.mark.parametrize(
    ("framework", "instead"),
    [
        ("tf", "OpenVINO reads TensorFlow's files itself: `ovc FILE`"),
        ("paddle", "OpenVINO reads PaddlePaddle's files itself: `ovc FILE.pdmodel`"),
        ("mxnet", "Model Optimizer 2023.3 was the last to read it"),
        ("pytorch", "export it to ONNX and describe that with 'framework: onnx'"),
    ],
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_other_frameworks_are_told_what_to_do_and_do_not_stop_the_run(
    describe, convert, tmp_path, capsys, framework, instead, jobs
):
    describe(
        "public/a", framework, model_optimizer_args=["--saved_model_dir=$dl_dir/x", "--unheard_of=$mo_dir/x"]
    )
    describe("public/b", "onnx", model_optimizer_args=mo_args(), **NEW)
    write(classifier(), tmp_path / "dl/public/b/net.onnx")
    assert convert("--all", "--precisions=FP32", "-j", jobs, "--quiet") == 1
    error, failed = capsys.readouterr().err.split("\nFAILED:\n")
    assert error.startswith(
        f"a: error: models of framework '{framework}' are not converted by this version. {instead}"
    )
    assert error.count("\n") == 1
    assert failed == "a\n"
    assert (tmp_path / "ir/public/b/FP32/b.xml").is_file()


def test_argument_that_is_not_understood_is_named(describe, convert, tmp_path, capsys):
    folder = describe("public/net", "onnx", model_optimizer_args=mo_args("--transformations_config=x.json"))
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    assert convert("--all") == 1
    error = capsys.readouterr().err
    assert f"{folder}/model.yml: key 'model_optimizer_args': " in error
    assert "--transformations_config=x.json" in error


def test_model_that_is_not_downloaded(describe, convert, root, tmp_path, capsys):
    describe("public/net", "onnx", model_optimizer_args=mo_args())
    assert convert("--all") == 1
    command = f"omz_downloader --name net --models_root {root} -o {tmp_path}/dl"
    assert f"net.onnx: is not there. Get it with: {command}" in capsys.readouterr().err


def test_arguments_of_open_model_zoos_converter(describe, convert, tmp_path, capsys):
    describe("public/net", "onnx", model_optimizer_args=mo_args(), **NEW)
    write(classifier(), tmp_path / "dl/public/net/net.onnx")
    old = ["--mo=/opt/mo.py", "-p", "python3", "--add-mo-arg=--output=logits", "--add_mo_arg=--scale=2"]
    assert convert("--all", "--precisions=FP32", *old) == 0
    assert "--mo and --python have no effect: no Model Optimizer is run" in capsys.readouterr().err
    model = ov.Core().read_model(tmp_path / "ir/public/net/FP32/net.xml")
    assert [output.get_any_name() for output in model.outputs] == ["logits"]
    assert "--scale_values=[2]" in model.get_rt_info()["omz"]["arguments"].value


def ir_files(server: Loopback, name: str) -> list[dict[str, object]]:
    """Serve an IR in three precisions; returns how a descriptor of 2021.4 and one of 2023.3 state a file."""
    files: list[dict[str, object]] = []
    for precision in ("FP16", "FP16-INT8", "FP32"):
        for suffix, digest in (("xml", "sha256"), ("bin", "sha384")):
            content = f"{precision} {suffix}".encode()
            file = f"{precision}/{name}.{suffix}"
            files.append(
                {
                    "name": file,
                    "size": len(content),
                    "checksum" if digest == "sha384" else digest: hashlib.new(digest, content).hexdigest(),
                    "source": server.serve(f"/{file}", content),
                }
            )
    return files


@pytest.mark.parametrize(
    ("precisions", "expected"),
    [
        (None, {"FP16", "FP16-INT8", "FP32"}),
        ("FP16", {"FP16"}),
        ("FP16-INT8,FP32", {"FP16-INT8", "FP32"}),
        ("FP32-INT8", set()),
    ],
)
def test_irs_are_downloaded_as_they_are(
    describe, convert, server, root, tmp_path, capsys, precisions, expected
):
    folder = describe("intel/net-0001", "dldt", files=ir_files(server, "net-0001"))
    assert load_model(folder / "model.yml", root).precisions == ["FP16", "FP16-INT8", "FP32"]
    chosen = ["--precisions", precisions] if precisions else []
    arguments = ["--name", "net-*", "--models_root", str(root), "-o", str(tmp_path / "dl"), *chosen]
    assert downloader.main(arguments) == 0
    found = set((tmp_path / "dl").rglob("net-0001.*"))
    place = tmp_path / "dl/intel/net-0001"
    assert found == {place / p / f"net-0001.{suffix}" for p in expected for suffix in ("xml", "bin")}
    assert all(path.read_text() == f"{path.parent.name} {path.suffix[1:]}" for path in found)
    capsys.readouterr()
    assert convert("--all", *chosen) == 0
    assert "net-0001: is an IR already, nothing to convert" in capsys.readouterr().err
    assert not (tmp_path / "ir").exists()


def test_composite_model_is_converted_stage_by_stage(describe, convert, root, tmp_path, capsys):
    for stage, framework in (("two-a", "onnx"), ("two-b", "tf"), ("two-c", "onnx")):
        describe(f"public/two/{stage}", framework, model_optimizer_args=mo_args(), **NEW)
        write(classifier(), tmp_path / f"dl/public/two/{stage}/net.onnx")
    (root / "public/two/composite-model.yml").write_text(json.dumps({"task_type": "classification"}))
    assert convert("--name", "two", "--precisions=FP16") == 1
    assert capsys.readouterr().err.endswith("\nFAILED:\ntwo-b\n")
    written = sorted(path.relative_to(tmp_path / "ir") for path in (tmp_path / "ir").rglob("*.xml"))
    assert written == [Path(f"public/two/{stage}/FP16/{stage}.xml") for stage in ("two-a", "two-c")]
    assert convert("--name", "two-c", "--precisions=FP32") == 0
