"""Which network is meant by a name, a path or a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from omz.errors import InferenceError, UsageError
from omz.inference.locate import find_model, find_network, network_in, network_name, precision_of
from omz.zoo import catalogue

SAMPLE = "se-resnext-digits"


def write(path: Path, content: str = "<net/>") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def constants(kind: str, size: int) -> str:
    return f'<net><data element_type="{kind}" shape="1" offset="0" size="{size}"/></net>'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place in ("public/net/FP16", "public/net/FP32", "public/net/FP16-INT8", "samples/digits/FP16"):
        write(tmp_path / place / f"{Path(place).parent.name}.xml")
    return tmp_path


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    from omz.converter.zoo_model import convert_model
    from omz.downloader.download import download_models

    folder = tmp_path_factory.mktemp("tree")
    model = catalogue.find_model(SAMPLE)
    assert not download_models([model], folder)
    convert_model(model, folder, folder, ("FP32", "FP16"))
    return folder


class TestNames:
    def test_fp32_goes_before_fp16_and_other_precisions(self, tree):
        assert list(find_network("net", tree).irs) == ["FP32", "FP16", "FP16-INT8"]
        assert find_model("net", tree) == tree / "public/net/FP32/net.xml"
        shutil.rmtree(tree / "public/net/FP32")
        assert find_model("net", tree) == tree / "public/net/FP16/net.xml"
        shutil.rmtree(tree / "public/net/FP16")
        assert find_model("net", tree) == tree / "public/net/FP16-INT8/net.xml"

    def test_precisions_are_chosen_and_missing_ones_told(self, tree):
        network = find_network("net", tree, precisions=("FP16-INT8", "FP32-INT8", "FP16"))
        assert list(network.irs) == ["FP16-INT8", "FP16"]
        assert network.missing == ("FP32-INT8",)
        with pytest.raises(
            InferenceError, match=r"no IR net\.xml in FP32-INT8 \(there are FP32, FP16, FP16-INT8\)"
        ):
            find_network("net", tree, precisions=("FP32-INT8",))

    def test_samples_are_found_in_the_working_directory(self, tree, monkeypatch):
        monkeypatch.chdir(tree)
        assert find_model("digits").resolve() == tree / "samples/digits/FP16/digits.xml"

    def test_a_model_of_the_zoo_that_is_not_converted_tells_the_next_command(self, tree):
        with pytest.raises(
            InferenceError, match=r"Make it with:\nomz_downloader --name se-resnext-50 .*&& omz_conv"
        ):
            find_model("se-resnext-50", tree)

    @pytest.mark.parametrize(("name", "meant"), [("digit", "digits"), ("se-resnxt-50", "se-resnext-50")])
    def test_a_mistyped_name_is_answered_with_what_is_converted_or_in_the_zoo(self, tree, name, meant):
        with pytest.raises(InferenceError, match=f"model '{name}': .*Did you mean .*{meant}") as error:
            find_model(name, tree)
        assert "Make it with" not in str(error.value)

    def test_the_next_command_is_whole(self, tree, tmp_path, monkeypatch):
        with pytest.raises(InferenceError) as error:
            find_model("se-resnext-50", tree)
        assert str(error.value).splitlines()[1] == (
            f"omz_downloader --name se-resnext-50 -o {tree} && omz_converter --name se-resnext-50 -d {tree}"
        )
        root = tmp_path / "my models"
        write(root / "public/own/model.yml")
        monkeypatch.chdir(tree)
        with pytest.raises(InferenceError) as error:
            find_model("own", root=root)
        words = f"--name own --models_root '{root}'"
        assert str(error.value).splitlines()[1] == f"omz_downloader {words} && omz_converter {words}"

    def test_patterns_are_no_names(self, tree):
        with pytest.raises(InferenceError, match="no converted model"):
            find_model("ne*", tree)

    def test_descriptors_of_ones_own_say_where_in_the_tree(self, tmp_path):
        root, tree = tmp_path / "models", tmp_path / "tree"
        write(root / "mine/deep/net/model.yml")
        xml = write(tree / "mine/deep/net/FP16/net.xml")
        assert find_model("net", tree, root=root) == xml
        with pytest.raises(InferenceError):
            find_model("net", tree)


class TestFiles:
    def test_a_path_is_taken_as_it_is(self, tree):
        path = tree / "public/net/FP16/net.xml"
        assert find_model(path) == find_model(str(path)) == path
        assert find_network(path).irs == {"FP16": path}
        assert find_network(path).name == "net"

    def test_a_mistyped_path_is_answered_with_the_nearest_file(self, tree):
        with pytest.raises(InferenceError, match=r"nett\.xml: no such file\. Did you mean .*FP16/net\.xml\?"):
            find_model(tree / "public/net/FP16/nett.xml")
        with pytest.raises(InferenceError, match=r"nowhere/net\.xml: no such file"):
            find_model(tree / "nowhere/net.xml")

    @pytest.mark.parametrize("suffix", [".bin", ".prototxt", ".caffemodel", ".pth", ".onnx"])
    def test_what_a_network_was_made_of_is_no_ir(self, tree, suffix):
        other = write(tree / f"public/net/FP16/net{suffix}", "data")
        with pytest.raises(
            InferenceError, match=r"is no IR; expected an \.xml\. Did you mean .*FP16/net\.xml"
        ):
            find_model(other)

    def test_what_makes_an_ir_is_told(self, tmp_path):
        with pytest.raises(
            InferenceError, match=r"net\.onnx: is no IR; expected an \.xml\. onnx2ir makes one\."
        ):
            find_model(write(tmp_path / "net.onnx", "data"))

    def test_a_name_may_be_a_folder_of_the_working_directory(self, tree, monkeypatch):
        monkeypatch.chdir(tree)
        xml = write(tree / "ir/own.xml")
        assert find_model("ir").resolve() == xml


class TestFolders:
    def test_a_models_folder_in_a_tree(self, tree):
        network = find_network(tree / "public/net")
        assert network.name == "net"
        assert list(network.irs) == ["FP32", "FP16", "FP16-INT8"]
        assert find_network(tree / "public/net/FP16").irs == {"FP16": tree / "public/net/FP16/net.xml"}

    def test_irs_side_by_side_are_told_by_their_names_and_weights(self, tmp_path):
        write(tmp_path / "net.xml", constants("f32", 400))
        write(tmp_path / "net_fp16.xml")
        write(tmp_path / "net-FP16-INT8.xml")
        write(tmp_path / "classes.xml", "<labels/>")  # is no IR
        network = find_network(tmp_path)
        assert network.irs == {
            "FP32": tmp_path / "net.xml",
            "FP16": tmp_path / "net_fp16.xml",
            "FP16-INT8": tmp_path / "net-FP16-INT8.xml",
        }

    def test_several_networks_are_listed(self, tmp_path):
        for name in ("cat.xml", "dog.xml", "dog-FP16.xml"):
            write(tmp_path / name)
        with pytest.raises(InferenceError, match=r"IRs of 2 networks: cat, dog\. Give the \.xml file of one"):
            find_network(tmp_path)

    def test_two_irs_of_one_precision_are_told(self, tmp_path):
        write(tmp_path / "net.xml", constants("f16", 400))
        write(tmp_path / "net-FP16.xml")
        with pytest.raises(InferenceError, match=r"net-FP16\.xml and net\.xml are both FP16"):
            find_network(tmp_path)

    def test_a_tree_lists_its_models(self, tree):
        with pytest.raises(
            InferenceError, match=r"is a tree of converted models: digits, net\.\nChoose with --model"
        ):
            find_network(tree)

    def test_a_folder_without_irs(self, tmp_path):
        with pytest.raises(InferenceError, match=r"holds no IR \(\.xml\), nor do folders FP32, FP16 in it$"):
            find_network(tmp_path)
        write(tmp_path / "one/FP16/net.xml")
        write(tmp_path / "two/net.xml")
        with pytest.raises(InferenceError, match=f"There are some in {tmp_path}/one, {tmp_path}/two$"):
            find_network(tmp_path)


class TestTrees:
    def test_irs_are_found_in_trees_folders_and_by_path(self, digits):
        folder = digits / "samples" / SAMPLE
        both = {precision: folder / precision / f"{SAMPLE}.xml" for precision in ("FP32", "FP16")}
        for place in (digits, folder, folder.parent):
            assert network_in(place, SAMPLE).irs == both
        assert network_in(digits, SAMPLE, ["FP16"]).irs == {"FP16": both["FP16"]}
        assert network_in(both["FP32"], SAMPLE).irs == {"FP32": both["FP32"]}
        assert network_in(folder / "FP16", SAMPLE, ["FP16"]).irs == {"FP16": both["FP16"]}
        with pytest.raises(InferenceError, match=r"no IR other\.xml"):
            network_in(digits, "other")
        with pytest.raises(UsageError, match="is one IR"):
            network_in(both["FP32"], SAMPLE, ["FP32"])
        with pytest.raises(InferenceError, match=r"Make it with:\nomz_quantizer --name"):
            network_in(digits, SAMPLE, ["FP16-INT8"], catalogue.find_model(SAMPLE))

    def test_precisions_are_told_by_weights_where_no_folder_tells(self, digits, tmp_path):
        for precision, name in (("FP32", "net"), ("FP16", "net_fp16"), ("FP16", "network")):
            for suffix in (".xml", ".bin"):
                source = digits / "samples" / SAMPLE / precision / f"{SAMPLE}{suffix}"
                shutil.copy(source, tmp_path / f"{name}{suffix}")
        both = {"FP32": tmp_path / "net.xml", "FP16": tmp_path / "net_fp16.xml"}
        assert network_in(tmp_path, "net").irs == both
        assert network_in(tmp_path, "net", ["FP32"]).irs == {"FP32": tmp_path / "net.xml"}
        assert network_in(tmp_path, "network").irs == {"FP16": tmp_path / "network.xml"}
        with pytest.raises(InferenceError, match="there are FP16"):
            network_in(tmp_path, "network", ["FP32"])
        write(tmp_path / "bad.xml", "")
        assert network_in(tmp_path, "bad").irs == {"bad.xml": tmp_path / "bad.xml"}

    def test_an_ir_given_by_its_path_is_the_zoos_if_it_has_its_weights(self, digits, tmp_path):
        folder = digits / "samples" / SAMPLE
        for text in (folder, folder / "FP16", folder / f"FP32/{SAMPLE}.xml"):
            network = find_network(text, known_to_zoo=True)
            assert network.model
            assert network.model.name == SAMPLE
        assert find_network(folder).model is None
        other = tmp_path / f"{SAMPLE}.xml"
        digest = catalogue.find_model(SAMPLE).files[1].digests[1].hexdigest
        content = (folder / f"FP32/{SAMPLE}.xml").read_text()
        assert digest in content
        write(other, content.replace(digest, "0" * 64))
        assert find_network(other, known_to_zoo=True).model is None
        renamed = write(tmp_path / "renamed.xml", content)
        assert find_network(renamed, known_to_zoo=True).model is None


@pytest.mark.parametrize(
    ("file", "name", "precision"),
    [
        ("net.xml", "net", "net.xml"),
        ("net-FP32.xml", "net", "FP32"),
        ("my-net_fp16_int8.xml", "my-net", "FP16-INT8"),
        ("net.fp32int8.xml", "net", "FP32-INT8"),
        ("fp16.xml", "fp16", "fp16.xml"),
        ("netfp16.xml", "netfp16", "netfp16.xml"),
        ("net-int8.xml", "net", "net-int8.xml"),
        ("FP16-INT8/net.xml", "net", "FP16-INT8"),
    ],
)
def test_names_and_precisions_of_files(tmp_path, file, name, precision):
    xml = write(tmp_path / file)
    assert network_name(xml) == name
    assert precision_of(xml) == precision


def test_weights_tell_the_precision_of_a_quantized_ir(tmp_path):
    quantized = '<layer type="FakeQuantize"/>'
    assert precision_of(write(tmp_path / "a-int8.xml", constants("f16", 9) + quantized)) == "FP16-INT8"
    assert precision_of(write(tmp_path / "b.xml", constants("f32", 9) + constants("f16", 8))) == "FP32"
