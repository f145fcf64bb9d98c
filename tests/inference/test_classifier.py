"""Finding, reading and checking an IR, and its labels."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from omz.errors import DescriptorError, InferenceError, UsageError
from omz.inference.classifier import InputOptions, load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.network import gist
from omz.inference.pipeline import Pipeline
from omz.inference.sources import Arrays

LABELS = ("kit fox", "red", "blue", "green grass", "other", "light")


def answer(xml, image, inputs=None, k=6, **options):
    """Classify one picture in memory; returns the scores by class index."""
    exact = DeviceOptions(precision="f32")  # a CPU with bfloat16 computes in that unless told otherwise
    pipeline = Pipeline(load_classifier(xml, exact, inputs=inputs, **options), top_k=k)
    (outcome,) = pipeline.run(Arrays([image]))
    return np.array([p.score for p in sorted(outcome.predictions, key=lambda p: p.index)])


class TestAnswers:
    """Whatever the form of the IR, the scores are those that NumPy computes."""

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"layout": "NHWC"},
            {"softmax": False},
            {"four_dimensional": True},
            {"shape": (-1, 3, 24, 32)},
            {"height": 33, "width": 17},
        ],
        ids=str,
    )
    def test_scores_equal_numpy(self, build_net, picture, tmp_path, form):
        net = build_net(tmp_path / "net.xml", **form)
        for number in range(4):
            image = picture(number)
            np.testing.assert_allclose(answer(net.xml, image), net.probabilities(image), atol=1e-5)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("reverse_input_channels", "maybe"), ("mean_values", "nan"), ("scale_values", "inf")],
    )
    def test_what_the_ir_says_of_its_input_is_understood_or_refused(self, build_net, tmp_path, key, value):
        net = build_net(tmp_path / "net.xml", info={key: value})
        with pytest.raises((InferenceError, UsageError), match=key):
            load_classifier(net.xml)

    def test_channels_mean_and_scale_are_applied_in_that_order(self, tiny, picture):
        image = picture(5)
        resized = _resize(image, tiny)
        options = InputOptions(reverse_channels=True, mean=(10, 20, 30), scale=(2, 4, 5))
        changed = (resized[..., ::-1].astype(np.float64) - [10, 20, 30]) / [2, 4, 5]
        np.testing.assert_allclose(
            answer(tiny.xml, image, options), _softmax(tiny.logits(changed)), atol=1e-5
        )

    def test_mean_and_scale_in_the_model_info_are_used_as_model_api_does(self, build_net, picture, tmp_path):
        info = {"reverse_input_channels": "True", "mean_values": "10 20 30", "scale_values": "2 4 5"}
        net = build_net(tmp_path / "net.xml", info=info)
        image = picture(6)
        changed = (_resize(image, net)[..., ::-1].astype(np.float64) - [10, 20, 30]) / [2, 4, 5]
        np.testing.assert_allclose(answer(net.xml, image), _softmax(net.logits(changed)), atol=1e-5)

    @pytest.mark.parametrize("number", range(4))
    @pytest.mark.parametrize("resize_type", ["standard", "crop", "fit_to_window", "fit_to_window_letterbox"])
    def test_model_api_gives_the_same_answer(self, build_net, picture, tmp_path, resize_type, number):
        """Model API resizes inside the graph, so that scores may differ slightly; the best class may not."""
        model_api = pytest.importorskip("model_api.models")
        net = build_net(tmp_path / "net.xml", height=32, info={"resize_type": resize_type})
        image = picture(20 + number, 90, 200)
        scores = answer(net.xml, image)
        theirs = model_api.ClassificationModel.create_model(str(net.xml))(image)
        best = theirs.top_labels[0]
        assert best.id == scores.argmax()
        assert best.name == LABELS[best.id].replace(" ", "_")
        assert best.confidence == pytest.approx(scores.max(), abs=0.05)


def _resize(image, net):
    import cv2

    return cv2.resize(image, (net.width, net.height), interpolation=cv2.INTER_LINEAR)


def _softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


class TestLabels:
    def test_from_the_ir(self, tiny):
        assert load_classifier(tiny.xml).labels == LABELS

    def test_with_underscores_from_the_exact_record(self, build_net, tmp_path):
        names = ("red_0", "kit fox", "blue", "green grass", "other", "light")
        net = build_net(tmp_path / "net.xml", labels=names)
        assert load_classifier(net.xml).labels == ("red 0", *names[1:])
        net = build_net(tmp_path / "net.xml", labels=names, provenance={"labels": json.dumps(names)})
        assert load_classifier(net.xml).labels == names
        net = build_net(tmp_path / "net.xml", labels=names, provenance={"labels": "[1"})
        with pytest.raises(DescriptorError, match=r"net.xml: rt_info: the record of exact names"):
            load_classifier(net.xml)

    @pytest.mark.parametrize(
        "said", ['<model_info><labels><a value="b"/></labels></model_info>', '<model_info value="a b"/>']
    )
    def test_in_another_form_are_refused(self, build_net, tmp_path, said):
        net = build_net(tmp_path / "net.xml")
        text = net.xml.read_text()
        at = text.rindex("<model_info>")
        net.xml.write_text(text[:at] + said + text[text.rindex("</model_info>") + len("</model_info>") :])
        with pytest.raises(InferenceError, match=r"net.xml: rt_info: model_info.* expected a"):
            load_classifier(net.xml)

    @pytest.mark.parametrize("character", ["\x1b", "\x9b", "\u202e"])
    def test_with_what_a_terminal_obeys_are_refused(self, build_net, tmp_path, character):
        names = (f"a{character}[2J b", *LABELS[1:])
        net = build_net(tmp_path / "net.xml", provenance={"labels": json.dumps(names)}, labels=names)
        with pytest.raises(
            DescriptorError, match=r"rt_info: class 0: .* is no character of a name"
        ) as caught:
            load_classifier(net.xml)
        assert str(caught.value).isprintable()
        with pytest.raises(DescriptorError, match="is no character of a name"):
            load_classifier(net.xml, labels=names)
        assert load_classifier(net.xml, labels=LABELS).labels == LABELS

    def test_from_a_file_or_a_list(self, tiny, tmp_path):
        path = tmp_path / "labels.txt"
        path.write_text("\n".join(f"{n} name {n}x" for n in (3, 1, 0, 2, 5, 4)))
        assert load_classifier(tiny.xml, labels=path).labels == tuple(f"name {n}x" for n in range(6))
        with pytest.raises(InferenceError, match=r"imagenet_2015: 1000 labels, but .* has 6 classes"):
            load_classifier(tiny.xml, labels="imagenet_2015")
        with pytest.raises(DescriptorError, match=r"imagenet_1999: no such label list\. Did you mean"):
            load_classifier(tiny.xml, labels="imagenet_1999")
        with pytest.raises(DescriptorError, match=r"nothing.txt: no such label file"):
            load_classifier(tiny.xml, labels="nothing.txt")

    @pytest.mark.parametrize("count", [5, 7])
    def test_wrong_length_is_refused_with_both_numbers(self, tiny, tmp_path, count):
        path = tmp_path / "labels.txt"
        path.write_text("\n".join(f"name {n}" for n in range(count)))
        with pytest.raises(InferenceError, match=rf"{count} labels, but .* has 6 classes"):
            load_classifier(tiny.xml, labels=path)

    def test_wrong_length_inside_the_ir_is_refused_too(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", labels=("a", "b"))
        with pytest.raises(InferenceError, match="2 labels"):
            load_classifier(net.xml)
        assert load_classifier(net.xml, labels=LABELS).labels == LABELS

    def test_without_any_labels_classes_are_numbered(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", labels=None)
        assert load_classifier(net.xml).labels == ("#0", "#1", "#2", "#3", "#4", "#5")


class TestDamage:
    @pytest.fixture
    def copy(self, tiny, tmp_path):
        for suffix in (".xml", ".bin"):
            shutil.copy(tiny.xml.with_suffix(suffix), tmp_path / f"net{suffix}")
        return tmp_path / "net.xml"

    def refuse(self, xml):
        with pytest.raises(InferenceError) as error:
            load_classifier(xml)
        message = str(error.value)
        assert "net." in message
        assert len(message.splitlines()) <= 2
        assert "src/" not in message  # OpenVINO's own sources mean nothing to users
        return message

    def test_missing_bin(self, copy):
        copy.with_suffix(".bin").unlink()
        assert "net.bin: missing" in self.refuse(copy)

    @pytest.mark.parametrize("kept", [0, 1, 0.5, -1])
    def test_truncated_bin(self, copy, kept):
        data = copy.with_suffix(".bin").read_bytes()
        copy.with_suffix(".bin").write_bytes(data[: int(len(data) * kept) if 0 < kept < 1 else kept])
        assert "Convert the model again" in self.refuse(copy)

    def test_xml_truncated_anywhere(self, copy):
        data = copy.read_bytes()
        for percent in range(0, 100, 3):
            copy.write_bytes(data[: len(data) * percent // 100])
            self.refuse(copy)

    def test_xml_that_is_something_else(self, copy, capfd):
        for content in (b"\0" * 1000, b"<html></html>", b"PK\3\4"):
            copy.write_bytes(content)
            assert "is no OpenVINO IR" in self.refuse(copy)
        assert capfd.readouterr().err == ""  # no other library writes about it either

    def test_unknown_operation(self, copy):
        copy.write_text(copy.read_text().replace('type="Convolution"', 'type="Konvolution"'))
        assert "Konvolution" in self.refuse(copy)

    def test_other_kinds_of_networks(self, tmp_path):
        import openvino as ov
        from openvino import opset13 as op

        flat = op.parameter([1, 10], np.float32, name="a")
        ov.save_model(ov.Model([op.relu(flat)], [flat], "flat"), tmp_path / "net.xml")
        assert "expected a picture" in self.refuse(tmp_path / "net.xml")
        plane = op.parameter([1, 3, 8, 8], np.float32, name="a")
        ov.save_model(ov.Model([op.relu(plane)], [plane], "segmentation"), tmp_path / "net.xml")
        assert "expected a number for each class, [1,classes]" in self.refuse(tmp_path / "net.xml")
        pair = [op.parameter([1, 3, 8, 8], np.float32, name=name) for name in "ab"]
        ov.save_model(ov.Model([op.add(*pair)], pair, "two"), tmp_path / "net.xml")
        assert "has 2 inputs" in self.refuse(tmp_path / "net.xml")


def test_bad_layout_and_values_are_wrong_usage(tiny):
    with pytest.raises(UsageError, match="NCHW"):
        load_classifier(tiny.xml, inputs=InputOptions(layout="CHW"))
    with pytest.raises(UsageError, match="scale"):
        load_classifier(tiny.xml, inputs=InputOptions(scale=(1, 0, 1)))


def test_the_cache_folder_is_filled_and_used(tiny, tmp_path):
    options = DeviceOptions(cache_dir=str(tmp_path / "cache"))
    assert not load_classifier(tiny.xml, options).from_cache
    assert list((tmp_path / "cache").iterdir())
    assert load_classifier(tiny.xml, options).from_cache


def test_cache_folder_that_cannot_be(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InferenceError, match="--cache_dir"):
        load_classifier(tiny.xml, DeviceOptions(cache_dir=str(tmp_path / "file")))


def test_gist_of_openvino_messages():
    message = (
        "Exception from src/a.cpp:1:\nCheck 'x' failed at src/b.cpp:2:\nIncorrect weights in bin file!\n\n"
    )
    assert gist(message) == "Incorrect weights in bin file!"
    assert gist("") == "unknown error"
