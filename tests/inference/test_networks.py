"""Networks as people have them: channels, layouts, batches, sizes and kinds of outputs, against NumPy and OpenCV."""

from __future__ import annotations

import re

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from nets.tiny_classifier import LABELS
from omz.errors import InferenceError, UsageError
from omz.inference.classification import classify
from omz.inference.classifier import InputOptions, load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.picture_input import PictureInput, picture_input

EXACT = DeviceOptions(precision="f32")  # a CPU with bfloat16 computes in that unless told otherwise


def sigmoid(scores):
    return [op.sigmoid(scores).output(0)]


def softmax(scores):
    return [op.softmax(scores, 1).output(0)]


def plain(scores):
    return [scores.output(0)]


def arg_max(k=1, element_type="i64"):
    def ends(scores):
        top = op.topk(scores, op.constant(np.array(k)), 1, "max", "value", "i32")
        return [op.convert(top.output(1), element_type).output(0)]

    return ends


def by_index(result, count):
    scores = np.full(count, np.nan)
    for one in result.top:
        scores[one.index] = one.score
    return scores


def ask(xml, image, **options):
    (result,) = classify(xml, [image], device=EXACT, **options)
    return result


@pytest.mark.parametrize("empty", [0, 2, 3])
def test_an_input_that_holds_no_picture(picture, tmp_path, empty):
    shape = [size if place != empty else 0 for place, size in enumerate((1, 3, 4, 4))]
    data = op.parameter(shape, np.float32, name="data")
    pooled = op.reduce_mean(data, [2, 3], keep_dims=False)
    ov.save_model(ov.Model([pooled], [data]), tmp_path / "net.xml")
    with pytest.raises(InferenceError, match="holds no picture"):
        ask(tmp_path / "net.xml", picture(1))


class TestChannels:
    """The channels of a picture become those of the network, whatever it has."""

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_each_number_in_each_layout(self, build_net, picture, tmp_path, channels, layout, told):
        net = build_net(tmp_path / "net.xml", channels=channels, layout=layout, layout_told=told)
        image = picture(3)
        seen = {
            1: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
            3: image,
            4: np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
        }[channels]
        result = ask(net.xml, image, top_k=6)
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(seen), atol=1e-5)

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
    def test_a_file_is_grey_as_opencv_reads_it(self, build_net, picture, tmp_path, suffix):
        net = build_net(tmp_path / "net.xml", channels=1)
        path = tmp_path / f"p{suffix}"
        cv2.imwrite(str(path), picture(4))
        read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_allclose(by_index(ask_file(net, path), 6), net.probabilities(read), atol=1e-5)

    def test_grey_arrays_are_taken_as_they_are(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", channels=1)
        image = np.random.default_rng(1).integers(0, 256, (50, 40), np.uint8)
        for form in (image, image[:, :, np.newaxis]):
            np.testing.assert_allclose(
                by_index(ask(net.xml, form, top_k=6), 6), net.probabilities(image), atol=1e-5
            )

    def test_alpha_of_arrays_is_seen_by_a_network_of_four_channels(self, build_net, tmp_path):
        image = np.random.default_rng(1).integers(0, 256, (50, 40, 4), np.uint8)
        four, three = (build_net(tmp_path / f"{n}.xml", channels=n) for n in (4, 3))
        np.testing.assert_allclose(
            by_index(ask(four.xml, image, top_k=6), 6), four.probabilities(image), atol=1e-5
        )
        np.testing.assert_allclose(
            by_index(ask(three.xml, image, top_k=6), 6), three.probabilities(image[..., :3]), atol=1e-5
        )

    @pytest.mark.parametrize("resize_type", ["standard", "crop", "fit_to_window", "fit_to_window_letterbox"])
    def test_every_way_to_resize_takes_grey(self, build_net, picture, tmp_path, resize_type):
        net = build_net(tmp_path / "net.xml", channels=1, height=24, width=24)
        image = picture(2, 60, 60)  # a square: all ways are the same then
        options = InputOptions(resize_type=resize_type)
        result = ask(net.xml, image, top_k=6, input_options=options)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(grey), atol=1e-5)

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_mean_and_scale_are_by_channel(self, build_net, tmp_path, channels):
        net = build_net(tmp_path / "net.xml", channels=channels)
        image = np.random.default_rng(2).integers(0, 256, (24, 32, channels), np.uint8)
        mean, scale = (10, 20, 30, 40)[:channels], (2, 4, 5, 8)[:channels]
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]  # alpha stays where it is
        changed = (image[..., order].astype(np.float64) - mean) / scale
        options = InputOptions(reverse_channels=True, mean=mean, scale=scale)
        logits = net.logits(changed)
        powers = np.exp(logits - logits.max())
        result = ask(net.xml, image, top_k=6, input_options=options)
        np.testing.assert_allclose(by_index(result, 6), powers / powers.sum(), atol=1e-5)

    def test_values_for_another_number_of_channels_are_wrong_usage(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", channels=1)
        with pytest.raises(UsageError, match="each of the 1 channels"):
            load_classifier(net.xml, inputs=InputOptions(mean=(1, 2, 3)))

    def test_two_channels_are_no_picture(self, tmp_path):
        data = op.parameter([1, 2, 8, 8], np.float32, name="data")
        model = ov.Model([op.reduce_mean(data, op.constant([2, 3]))], [data], "net")
        ov.save_model(model, tmp_path / "net.xml")
        with pytest.raises(InferenceError, match="with 2 channels; expected 1"):
            load_classifier(tmp_path / "net.xml")


def ask_file(net, path):
    (result,) = classify(net.xml, path, device=EXACT, top_k=6)
    return result


@pytest.mark.parametrize(
    ("shape", "option", "layout", "channels"),
    [
        ((1, 3, 20, 30), "", "NCHW", 3),
        ((1, 20, 30, 3), "", "NHWC", 3),
        ((1, 1, 28, 28), "", "NCHW", 1),
        ((1, 28, 28, 1), "", "NHWC", 1),
        ((1, 4, 20, 30), "", "NCHW", 4),
        ((1, 20, 30, 4), "", "NHWC", 4),
        ((1, 3, 20, 3), "", "NCHW", 3),
        ((1, 3, 20, 3), "NHWC", "NHWC", 3),
        ((1, 3, 20, 1), "data:nhwc", "NHWC", 1),
    ],
)
def test_the_layout_is_told_by_the_shape_or_by_the_user(shape, option, layout, channels, tmp_path):
    data = op.parameter(list(shape), np.float32, name="data")
    network = ov.Model([op.result(op.relu(data))], [data], "net")
    found = picture_input(network, tmp_path / "net.xml", layout=option)
    assert (found.layout, found.channels) == (layout, channels)
    assert found.shape(1) == list(shape)


class TestBatch:
    @pytest.mark.parametrize("stubborn", [False, True])
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("batch", [2, 10])
    def test_any_batch_gives_one_answer_for_one_picture(
        self, build_net, picture, tmp_path, batch, layout, stubborn
    ):
        net = build_net(tmp_path / "net.xml", batch=batch, layout=layout, stubborn=stubborn)
        classifier = load_classifier(net.xml)
        assert list(classifier.compiled.input(0).shape) == [1, 24, 32, 3]
        assert list(classifier.compiled.output(0).shape) == [1, 6]
        results = classify(net.xml, [picture(n) for n in range(5)], device=EXACT, top_k=6)
        for number, result in enumerate(results):
            np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(number)), atol=1e-5)

    def test_where_the_graph_allows_it_the_batch_is_1_all_through(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", batch=10)
        types = [
            node.get_type_name() for node in load_classifier(net.xml).compiled.get_runtime_model().get_ops()
        ]
        assert "Slice" not in types
        assert "Concat" not in types

    def test_kinds_are_known_behind_a_batch_that_stays(self, build_net, tmp_path):
        for ends, kind in ((softmax, "probabilities"), (sigmoid, "independent"), (arg_max(2), "classes")):
            net = build_net(tmp_path / f"{kind}.xml", batch=4, stubborn=True, ends=ends)
            output = load_classifier(net.xml).output
            assert (output.kind, output.classes) == (kind, 6)

    def test_an_output_that_is_not_by_picture_is_refused(self, tmp_path):
        data = op.parameter([4, 3, 8, 8], np.float32, name="data")
        flat = op.reshape(data, [1, 768], False)
        ov.save_model(ov.Model([op.result(flat)], [data], "net"), tmp_path / "net.xml")
        with pytest.raises(InferenceError, match="4 pictures at a time"):
            load_classifier(tmp_path / "net.xml")


class TestSize:
    @pytest.mark.parametrize(
        ("shape", "layout", "example"),
        [
            ((1, 3, -1, -1), "NCHW", "[1,3,224,224]"),
            ((-1, -1, -1, 3), "NHWC", "[1,224,224,3]"),
            ((-1, 3, 30, -1), "NCHW", "[1,3,30,224]"),
        ],
    )
    def test_any_size_names_the_option_that_chooses_one(self, build_net, tmp_path, shape, layout, example):
        net = build_net(tmp_path / "net.xml", shape=shape, layout=layout)
        with pytest.raises(InferenceError, match=re.escape(f"--input_shape {example}")):
            load_classifier(net.xml)

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_the_chosen_size_is_that_of_the_input(self, build_net, picture, tmp_path, layout):
        open_shape = (-1, 3, -1, -1) if layout == "NCHW" else (-1, -1, -1, 3)
        net = build_net(tmp_path / "net.xml", shape=open_shape, layout=layout, height=40, width=30)
        shape = (1, 3, 40, 30) if layout == "NCHW" else (1, 40, 30, 3)
        result = ask(net.xml, picture(1), top_k=6, input_options=InputOptions(shape=shape))
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(1)), atol=1e-5)

    def test_a_fixed_size_can_be_changed_where_the_network_allows_it(self, build_net, picture, tmp_path):
        net = build_net(tmp_path / "net.xml", height=40, width=30)
        other = build_net(tmp_path / "other.xml")
        result = ask(other.xml, picture(1), top_k=6, input_options=InputOptions(shape=(1, 3, 40, 30)))
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(1)), atol=1e-5)

    @pytest.mark.parametrize("shape", [(1, 3, 24), (1, 5, 24, 32), (1, 3, 1, 1)])
    def test_a_shape_that_cannot_be_is_wrong_usage(self, tiny, shape):
        with pytest.raises(UsageError, match="--input_shape") as error:
            load_classifier(tiny.xml, inputs=InputOptions(shape=shape))
        assert len(str(error.value).splitlines()) == 1


class TestKinds:
    """What the numbers are decides what is done with them."""

    @pytest.mark.parametrize(("ends", "kind"), [(plain, "logits"), (softmax, "probabilities")])
    def test_of_one_class_among_several(self, build_net, picture, tmp_path, ends, kind):
        net = build_net(tmp_path / "net.xml", ends=ends)
        result = ask(net.xml, picture(1), top_k=6)
        assert result.kind == kind
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(1)), atol=1e-5)
        assert [p.index for p in result.top] == net.ranking(picture(1))

    def test_independent_scores_are_left_alone_and_all_above_the_threshold_listed(
        self, build_net, picture, tmp_path
    ):
        net = build_net(tmp_path / "net.xml", ends=sigmoid, classes=40, labels=None)
        for number in range(4):
            scores = net.scores(picture(number))
            result = ask(net.xml, picture(number))
            order = [index for index in np.argsort(-scores, kind="stable") if scores[index] > 0.5]
            assert 5 < len(order) < 40
            assert [p.index for p in result.top] == order
            np.testing.assert_allclose([p.score for p in result.top], scores[order], atol=1e-5)
            assert all(p.share for p in result.top)
            assert result.to_json()["output"] == "independent"
            few = ask(net.xml, picture(number), top_k=3, threshold=0.1)
            assert [p.index for p in few.top] == list(np.argsort(-scores, kind="stable")[:3])

    def test_no_class_above_the_threshold_is_an_empty_list(self, build_net, picture, tmp_path):
        net = build_net(tmp_path / "net.xml", ends=sigmoid)
        result = ask(net.xml, picture(1), threshold=0.9999)
        assert (result.top, result.error) == ((), "")

    def test_the_issues_figures(self, tmp_path, picture):
        """Numbers between 0 and 1 stay what they are: no softmax of what a sigmoid gave."""
        for name, shown in (("one", [0.4477]), ("five", [0.44, 0.56, 0.30, 0.75, 0.25])):
            logits = np.log(np.array(shown) / (1 - np.array(shown))).astype(np.float32)
            data = op.parameter([1, 3, 8, 8], np.float32, name="data")
            nothing = op.multiply(
                op.reduce_mean(data, op.constant([1, 2, 3]), keep_dims=False), np.float32(0)
            )
            scores = op.sigmoid(op.add(op.reshape(nothing, [1, 1], False), op.constant(logits[np.newaxis])))
            ov.save_model(ov.Model([op.result(scores)], [data], "net"), tmp_path / f"{name}.xml", False)
            result = ask(tmp_path / f"{name}.xml", picture(0), threshold=0)
            np.testing.assert_allclose(by_index(result, len(shown)), shown, atol=1e-5)
            if name == "one":
                assert result.top[0].text(2) == "44.77 %"

    def test_a_single_logit_is_a_number_and_no_share(self, build_net, picture, tmp_path):
        net = build_net(tmp_path / "net.xml", ends=lambda scores: [op.multiply(scores, np.float32(30)).output(0)],
                        classes=1, labels=("age",))  # fmt: skip
        (only,) = ask(net.xml, picture(1)).top
        assert only.score == pytest.approx(30 * net.of(picture(1))[0], abs=1e-3)
        assert not only.share
        assert only.text() == f"{only.score:.6g}"
        with pytest.raises(UsageError, match="not from 0 to 1"):
            ask(net.xml, picture(1), threshold=0.5)

    @pytest.mark.parametrize("element_type", ["i32", "i64", "f32", "f16"])
    @pytest.mark.parametrize("k", [1, 3])
    def test_networks_that_name_their_classes(self, build_net, picture, tmp_path, element_type, k):
        net = build_net(tmp_path / "net.xml", ends=arg_max(k, element_type))
        result = ask(net.xml, picture(1))
        assert result.kind == "classes"
        assert [p.index for p in result.top] == net.ranking(picture(1))[:k]
        assert [p.label for p in result.top] == [LABELS[index] for index in net.ranking(picture(1))[:k]]
        assert [p.score for p in result.top] == [None] * k
        assert result.top[0].text() == "-"
        assert result.to_json()["top"][0]["score"] is None
        with pytest.raises(UsageError, match="without scores"):
            ask(net.xml, picture(1), threshold=0.5)

    def test_labels_of_named_classes_must_be_as_many(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", ends=arg_max())
        with pytest.raises(InferenceError, match=r"5 labels, but .* has 6 classes"):
            load_classifier(net.xml, labels=["x"] * 5)

    def test_classes_of_an_unknown_number_are_numbered_as_they_come(self, build_net, picture, tmp_path):
        def counted_from_one(scores):
            return [op.add(arg_max(1, "i64")(scores)[0], op.constant(np.array([1]))).output(0)]

        net = build_net(tmp_path / "net.xml", ends=counted_from_one, labels=None)
        (only,) = ask(net.xml, picture(1)).top
        assert (only.index, only.label) == (
            net.ranking(picture(1))[0] + 1,
            f"#{net.ranking(picture(1))[0] + 1}",
        )
        with pytest.raises(InferenceError, match=r"names class \d, which is none of 1 classes"):
            ask(net.xml, picture(1), labels=["only"])

    def test_values_without_their_classes_are_refused(self, build_net, tmp_path):
        def values(scores):
            return [op.topk(scores, op.constant(np.array(2)), 1, "max", "value").output(0)]

        net = build_net(tmp_path / "net.xml", ends=values, labels=None)
        with pytest.raises(InferenceError, match="the largest scores, without their classes"):
            load_classifier(net.xml)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("ends", [plain, sigmoid, arg_max()])
    def test_numbers_that_are_none_are_an_error(self, build_net, picture, tmp_path, ends, bad):
        net = build_net(
            tmp_path / "net.xml",
            ends=lambda scores: [op.add(op.convert(ends(scores)[0], "f32"), np.float32(bad)).output(0)],
            labels=None,
        )
        with pytest.raises(InferenceError, match="not finite"):
            ask(net.xml, picture(1))


class TestShapesOfOutputs:
    @pytest.mark.parametrize("shape", [[1, 6], [6], [1, 6, 1, 1], [1, 1, 1, 6], [1, 1, 6], [1, 6, 1]])
    @pytest.mark.parametrize("ends", [softmax, sigmoid, plain])
    def test_all_places_but_one_are_1(self, build_net, picture, tmp_path, shape, ends):
        net = build_net(
            tmp_path / "net.xml", ends=lambda scores: [op.reshape(ends(scores)[0], shape, False).output(0)]
        )
        result = ask(net.xml, picture(1), top_k=6, threshold=0)
        expected = net.scores(picture(1)) if ends is sigmoid else net.probabilities(picture(1))
        np.testing.assert_allclose(by_index(result, 6), expected, atol=1e-5)

    @pytest.mark.parametrize("shape", [[], [1], [1, 1], [1, 1, 1, 1]])
    def test_a_class_alone_has_any_shape(self, build_net, picture, tmp_path, shape):
        net = build_net(
            tmp_path / "net.xml",
            ends=lambda scores: [
                op.reshape(arg_max()(scores)[0], np.array(shape, np.int64), False).output(0)
            ],
        )
        (only,) = ask(net.xml, picture(1)).top
        assert only.index == net.ranking(picture(1))[0]

    def test_a_map_is_no_list_of_classes(self, tmp_path):
        plane = op.parameter([1, 3, 8, 8], np.float32, name="a")
        ov.save_model(ov.Model([op.softmax(plane, 1)], [plane], "segmentation"), tmp_path / "net.xml")
        with pytest.raises(InferenceError, match=r"expected a number for each class, \[1,classes\]"):
            load_classifier(tmp_path / "net.xml")


class TestSeveralOutputs:
    @staticmethod
    def ends(scores):
        twice = op.multiply(scores, np.float32(2))
        twice.set_friendly_name("doubled")
        return [op.softmax(scores, 1).output(0), op.sigmoid(scores).output(0), twice.output(0)]

    def test_they_are_listed_with_the_option_that_chooses(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", ends=self.ends)
        with pytest.raises(InferenceError, match="has 3 outputs") as error:
            load_classifier(net.xml)
        for part in ("prob [1,6]", "prob1 [1,6]", "prob2 [1,6]", "--output_name"):
            assert part in str(error.value)

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("prob", "probabilities"), ("prob1", "independent"), ("prob2", "logits"), ("doubled", "logits")],
    )
    def test_one_is_chosen_by_its_tensor_or_by_the_operation_that_makes_it(
        self, build_net, picture, tmp_path, name, kind
    ):
        net = build_net(tmp_path / "net.xml", ends=self.ends)
        result = ask(net.xml, picture(1), output=name, top_k=6, threshold=0)
        assert result.kind == kind
        expected = {
            "probabilities": net.probabilities(picture(1)),
            "independent": net.scores(picture(1)),
            "logits": np.exp(2 * net.of(picture(1))) / np.exp(2 * net.of(picture(1))).sum(),
        }[kind]
        np.testing.assert_allclose(by_index(result, 6), expected, atol=1e-5)

    def test_an_unknown_name_is_wrong_usage(self, build_net, tmp_path):
        net = build_net(tmp_path / "net.xml", ends=self.ends)
        with pytest.raises(
            UsageError,
            match=r"--output_name pro: .* no such output\. Did you mean prob.* Its outputs are prob \[1,6\]",
        ):
            load_classifier(net.xml, output="pro")


class TestRecord:
    """What the IR says of its output counts where the graph does not tell, and not against it."""

    def write(self, build_net, path, ends, record):
        net = build_net(path, ends=ends)
        model = ov.Core().read_model(net.xml).clone()
        model.set_rt_info(record, ["omz", "output"])
        ov.save_model(model, path.with_name("told.xml"), compress_to_fp16=False)
        return path.with_name("told.xml"), net

    def test_a_record_says_what_the_graph_does_not_show(self, build_net, picture, tmp_path):
        def sigmoid_by_hand(scores):
            powers = op.exp(op.negative(scores))
            return [op.divide(np.float32(1), op.add(powers, np.float32(1))).output(0)]

        xml, net = self.write(build_net, tmp_path / "net.xml", sigmoid_by_hand, "independent")
        result = ask(xml, picture(1), threshold=0)
        assert result.kind == "independent"
        np.testing.assert_allclose(by_index(result, 6), net.scores(picture(1)), atol=1e-5)

    def test_the_graph_goes_before_the_record(self, build_net, picture, tmp_path):
        xml, net = self.write(build_net, tmp_path / "net.xml", softmax, "logits")
        result = ask(xml, picture(1), top_k=6)
        assert result.kind == "probabilities"
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(1)), atol=1e-5)

    def test_a_record_that_the_numbers_belie_is_an_error(self, build_net, picture, tmp_path):
        xml, _ = self.write(build_net, tmp_path / "net.xml", plain, "independent")
        with pytest.raises(InferenceError, match="the IR says that its output is independent"):
            ask(xml, picture(1), threshold=0)

    @pytest.mark.parametrize("record", ["softmax", "logits logits", "\x1b[2J" * 50])
    def test_a_record_that_is_none_is_left_aside_with_a_warning(
        self, build_net, picture, tmp_path, record, caplog
    ):
        xml, net = self.write(build_net, tmp_path / "net.xml", plain, record.replace("\x1b", "?"))
        result = ask(xml, picture(1), top_k=6)
        np.testing.assert_allclose(by_index(result, 6), net.probabilities(picture(1)), atol=1e-5)
        assert "left aside" in caplog.text


def test_shape_of_an_input_in_its_layout():
    assert PictureInput("NHWC", 1, 4, 20, 30).shape(2) == [2, 20, 30, 4]
    assert PictureInput("NCHW", 1, 4, 20, 30).shape(2) == [2, 4, 20, 30]
