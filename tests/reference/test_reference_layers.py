"""The NumPy interpreter: cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from omz.converter.caffe import caffe_pb2
from omz.converter.caffe.reference import forward, run
from omz.converter.caffe.reference.geometry import pooling_size


def apply(layer: str, *bottoms, blobs=()):
    """Run one layer, given in prototxt's syntax."""
    message = text_format.Parse(layer, caffe_pb2.LayerParameter())
    arrays = [np.asarray(x, np.float64) for x in bottoms]
    tops = forward(message, arrays, [np.asarray(b, np.float64) for b in blobs])
    return tops[0] if len(tops) == 1 else tops


def image(rows):
    return np.asarray(rows, np.float64)[np.newaxis, np.newaxis]


COUNT = image([[1, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize(
    ("size", "kernel", "pad", "stride", "ceil", "expected"),
    [
        (112, 3, 0, 2, True, 56),  # the stem of ResNet; rounding down would give 55
        (112, 3, 0, 2, False, 55),
        (112, 3, 1, 2, True, 57),  # the last window starts at 112 - 1, still inside
        (4, 2, 1, 2, True, 3),
        (5, 2, 1, 2, True, 3),  # exactly 3.5 + 1 rounds to 4; the 4th would start at 6 >= 5 + 1
        (7, 7, 0, 1, True, 1),
        (6, 7, 0, 2, True, 1),  # a kernel larger than the image, by less than a stride
    ],
)
def test_pooling_sizes(size, kernel, pad, stride, ceil, expected):
    assert pooling_size(size, kernel, pad, stride, ceil=ceil) == expected


def test_padding_along_one_axis_drops_empty_windows_along_both():
    layer = "type: 'Pooling' pooling_param { kernel_h: 2 kernel_w: 1 stride: 2 pad_h: %d pad_w: 0 }"
    x = np.zeros((1, 1, 2, 2))
    assert apply(layer % 0, x).shape == (1, 1, 1, 2)
    assert apply(layer % 1, x).shape == (1, 1, 2, 1)


def test_max_pooling_rounds_up():
    y = apply("type: 'Pooling' pooling_param { kernel_size: 2 stride: 2 }", COUNT)
    assert y.tolist() == [[[[5, 6], [8, 9]]]]


@pytest.mark.parametrize("mode", ["round_mode: FLOOR", "ceil_mode: false"])
def test_pooling_rounds_down_when_told(mode):
    y = apply(f"type: 'Pooling' pooling_param {{ kernel_size: 2 stride: 2 {mode} }}", COUNT)
    assert y.tolist() == [[[[5]]]]


def test_max_pooling_ignores_padding():
    y = apply("type: 'Pooling' pooling_param { kernel_size: 3 pad: 1 stride: 2 }", -COUNT)
    assert y.tolist() == [[[[-1, -2], [-4, -5]]]]


def test_average_counts_padding_but_no_overrun():
    # Rows and columns start at -1, 1 and 3; the window at 3 lies in the padding behind the image (4 = 3 + 1).
    y = apply("type: 'Pooling' pooling_param { pool: AVE kernel_size: 3 pad: 1 stride: 2 }", COUNT)
    assert y[0, 0] == pytest.approx(np.array([[12 / 9, 16 / 9], [24 / 9, 28 / 9]]))
    y = apply("type: 'Pooling' pooling_param { pool: AVE kernel_size: 2 stride: 2 }", COUNT)
    assert y[0, 0] == pytest.approx(np.array([[12 / 4, 9 / 2], [15 / 2, 9]]))
    y = apply(
        "type: 'Pooling' pooling_param { pool: AVE kernel_size: 3 pad: 1 stride: 2 }", image([[1, 2], [3, 4]])
    )
    # The second window of a row starts at 1 and could reach 4, but the padded image ends at 3.
    assert y[0, 0] == pytest.approx(np.array([[10 / 9, 6 / 6], [7 / 6, 4 / 4]]))


def test_pooling_takes_height_and_width_apart():
    y = apply("type: 'Pooling' pooling_param { kernel_h: 1 kernel_w: 3 stride_h: 2 stride_w: 1 }", COUNT)
    assert y.tolist() == [[[[3], [9]]]]
    y = apply("type: 'Pooling' pooling_param { kernel_size: 2 pad_h: 1 pad_w: 0 stride: 3 }", COUNT)
    assert y.tolist() == [[[[2], [8]]]]


def test_global_pooling():
    x = np.stack([COUNT[0, 0], 2 * COUNT[0, 0]])[np.newaxis]
    y = apply("type: 'Pooling' pooling_param { pool: AVE global_pooling: true }", x)
    assert y.tolist() == [[[[5]], [[10]]]]


def test_the_second_top_of_max_pooling_says_where():
    x = image([[1, 5, 5], [0, 5, 2], [7, 1, 3]])
    layer = "type: 'Pooling' top: 'y' top: 'mask' pooling_param { kernel_size: 2 stride: 2 }"
    y, mask = apply(layer, x)
    assert (y.tolist(), mask.tolist()) == ([[[[5, 5], [7, 3]]]], [[[[1, 2], [6, 8]]]])


def test_convolution_is_a_correlation_with_bias():
    y = apply(
        "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 2 }",
        COUNT,
        blobs=([[[[1, 10], [100, 1000]]]], [0.5]),
    )
    assert y[0, 0].tolist() == [[5421.5, 6532.5], [8754.5, 9865.5]]


def test_convolution_groups_strides_pads_and_dilation():
    x = np.concatenate([COUNT, 10 * COUNT], axis=1)
    y = apply(
        "type: 'Convolution' convolution_param { num_output: 2 kernel_size: 1 group: 2 bias_term: false }",
        x,
        blobs=([[[[2]]], [[[3]]]],),
    )
    assert y[0, :, 0, 0].tolist() == [2, 30]  # each group sees its own channel only
    y = apply(
        "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 2 dilation: 2 bias_term: false }",
        COUNT,
        blobs=([[[[1, 1], [1, 1]]]],),
    )
    assert y.tolist() == [[[[1 + 3 + 7 + 9]]]]
    y = apply(
        "type: 'Convolution' convolution_param { num_output: 1 kernel_h: 1 kernel_w: 3 pad_h: 0 pad_w: 1 "
        "stride_h: 2 stride_w: 1 bias_term: false }",
        COUNT,
        blobs=([[[[1, 1, 1]]]],),
    )
    assert y.tolist() == [[[[3, 6, 5], [15, 24, 17]]]]


def test_convolution_refuses_a_kernel_that_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        apply(
            "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 5 }",
            COUNT,
            blobs=(np.ones((1, 1, 5, 5)),),
        )


def test_batch_norm_divides_statistics_by_their_weight():
    layer = "type: 'BatchNorm' batch_norm_param { use_global_stats: true eps: 0 }"
    x = np.array([[[[6.0]], [[1.0]]]])
    y = apply(layer, x, blobs=([4, 2], [8, 32], [2]))
    assert y.ravel().tolist() == [(6 - 2) / 2, (1 - 1) / 4]


def test_batch_norm_with_weight_zero_knows_no_statistics():
    layer = "type: 'BatchNorm' batch_norm_param { eps: 0.25 }"
    y = apply(layer, np.array([[3.0]]), blobs=([4], [8], [0]))
    assert y.tolist() == [[6.0]]  # mean 0, variance 0, so divided by sqrt(eps)


def test_batch_norm_of_the_batch_itself():
    layer = "type: 'BatchNorm' batch_norm_param { use_global_stats: false eps: 0 }"
    y = apply(layer, np.array([[1.0], [3.0]]), blobs=([0], [0], [0]))
    assert y.tolist() == [[-1], [1]]


def test_scale_forms():
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    y = apply("type: 'Scale' scale_param { bias_term: true }", x, blobs=([2, 3], [10, 20]))
    assert y[0, :, 0, 1].tolist() == [12, 41]
    y = apply("type: 'Scale' scale_param { axis: -1 }", x, blobs=([1, 10, 100],))
    assert y[0, 0, 1].tolist() == [3, 40, 500]
    y = apply("type: 'Scale' scale_param { axis: 1 num_axes: 2 }", x, blobs=([[1, 2], [3, 4]],))
    assert y[0, :, 1, 0].tolist() == [6, 36]
    y = apply("type: 'Scale' scale_param { num_axes: 0 }", x, blobs=(3.0,))
    assert np.array_equal(y, 3 * x)
    y = apply("type: 'Scale' scale_param { axis: 0 }", x, [[5, 7]])
    assert y[0, :, 0, 1].tolist() == [5, 49]
    with pytest.raises(ValueError, match="do not fit"):
        apply("type: 'Scale'", x, blobs=([1, 2, 3],))


def test_activations():
    x = np.array([-2.0, 0.0, 3.0])
    assert apply("type: 'ReLU'", x).tolist() == [0, 0, 3]
    assert apply("type: 'ReLU' relu_param { negative_slope: 0.5 }", x).tolist() == [-1, 0, 3]
    assert apply("type: 'Sigmoid'", [0.0, np.log(3), -1000.0]) == pytest.approx([0.5, 0.75, 0.0])
    assert apply("type: 'Softmax'", [[0.0, np.log(3)]]) == pytest.approx(np.array([[0.25, 0.75]]))
    y = apply("type: 'Softmax' softmax_param { axis: 0 }", [[1000.0], [1000.0]])
    assert y.tolist() == [[0.5], [0.5]]


def test_axpy_scales_by_channel_and_adds():
    x, y = np.ones((1, 2, 1, 2)), np.full((1, 2, 1, 2), 10.0)
    expected = [[[[12, 12]], [[13, 13]]]]
    assert apply("type: 'Axpy'", [[2, 3]], x, y).tolist() == expected
    assert apply("type: 'Axpy'", np.reshape([2, 3], (1, 2, 1, 1)), x, y).tolist() == expected


def test_eltwise_operations():
    a, b, c = [1.0, 5.0], [2.0, 3.0], [4.0, -1.0]
    assert apply("type: 'Eltwise'", a, b, c).tolist() == [7, 7]
    layer = "type: 'Eltwise' eltwise_param { operation: SUM coeff: 1 coeff: -2 coeff: 0.5 }"
    assert apply(layer, a, b, c).tolist() == [-1, -1.5]
    assert apply("type: 'Eltwise' eltwise_param { operation: PROD }", a, b, c).tolist() == [8, -15]
    assert apply("type: 'Eltwise' eltwise_param { operation: MAX }", a, b, c).tolist() == [4, 5]


def test_shapes_of_concat_reshape_and_flatten():
    x = np.arange(24.0).reshape(2, 3, 2, 2)
    assert apply("type: 'Concat'", x, x).shape == (2, 6, 2, 2)
    assert apply("type: 'Concat' concat_param { axis: -1 }", x, x).shape == (2, 3, 2, 4)
    assert apply("type: 'Concat' concat_param { concat_dim: 0 }", x, x).shape == (4, 3, 2, 2)
    assert apply("type: 'Reshape' reshape_param { shape { dim: 0 dim: -1 } }", x).shape == (2, 12)
    layer = "type: 'Reshape' reshape_param { shape { dim: 4 } axis: 2 num_axes: 2 }"
    assert apply(layer, x).shape == (2, 3, 4)
    layer = "type: 'Reshape' reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }"
    assert apply(layer, x).shape == (2, 3, 2, 2, 1)
    layer = "type: 'Reshape' reshape_param { shape { dim: 0 dim: 1 } axis: 1 num_axes: 1 }"
    assert apply(layer, x).shape == (2, 3, 1, 2, 2)
    assert apply("type: 'Flatten'", x).shape == (2, 12)
    assert apply("type: 'Flatten' flatten_param { axis: 0 end_axis: -3 }", x).shape == (6, 2, 2)
    with pytest.raises(ValueError, match="cannot become"):
        apply("type: 'Reshape' reshape_param { shape { dim: 5 } }", x)


def test_inner_product_forms():
    x = [[[1.0, 2.0], [3.0, 4.0]]]
    layer = "type: 'InnerProduct' inner_product_param { num_output: 1 %s }"
    assert apply(layer % "", x, blobs=([[1, 10, 100, 1000]], [0.5])).tolist() == [[4321.5]]
    y = apply(layer % "axis: 2 bias_term: false", x, blobs=([[1, 10]],))
    assert y.tolist() == [[[21], [43]]]
    layer = (
        "type: 'InnerProduct' inner_product_param { num_output: 2 transpose: true bias_term: false axis: -1 }"
    )
    assert apply(layer, x, blobs=([[1, 2], [10, 20]],)).tolist() == [[[21, 42], [43, 86]]]


def test_nets_run_in_order_with_blobs_in_place_and_phases():
    net = text_format.Parse(
        """
        input: "x" input_shape { dim: 1 dim: 2 }
        layer { name: "keep" type: "Split" bottom: "x" top: "a" top: "b" }
        layer { name: "double" type: "Scale" bottom: "a" top: "a" scale_param { num_axes: 0 } }
        layer { name: "train" type: "Unknown" bottom: "a" top: "a" include { phase: TRAIN } }
        layer { name: "skipped" type: "Unknown" bottom: "a" top: "a" exclude { phase: TEST } }
        layer { name: "drop" type: "Dropout" bottom: "a" top: "a" include { phase: TEST } }
        layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "y" }
        """,
        caffe_pb2.NetParameter(),
    )
    blobs = run(net, {"double": [np.float32(2)]}, {"x": np.array([[1, 2]], np.float32)})
    assert {name: blob.tolist() for name, blob in blobs.items()} == {
        "x": [[1, 2]],
        "a": [[2, 4]],
        "b": [[1, 2]],
        "y": [[3, 6]],
    }
    assert blobs["y"].dtype == np.float64


def test_convolution_over_one_and_three_axes():
    line = np.array([[[1.0, 2, 3, 4]]])
    layer = (
        "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 2 stride: 2 bias_term: false }"
    )
    assert apply(layer, line, blobs=([[[1, 10]]],)).tolist() == [[[21, 43]]]
    cube = np.arange(8.0).reshape(1, 1, 2, 2, 2)
    layer = "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 2 bias_term: false }"
    assert apply(layer, cube, blobs=(np.ones((1, 1, 2, 2, 2)),)).tolist() == [[[[[28]]]]]
    layer = "type: 'Convolution' convolution_param { num_output: 1 kernel_size: 1 axis: 0 }"
    assert apply(layer, [[1.0, 2], [3, 4]], blobs=([[[5]], [[6]]], [1])).tolist() == [[24, 35]]


def test_convolution_of_several_bottoms_has_as_many_tops():
    layer = "type: 'Convolution' top: 'a' top: 'b' convolution_param { num_output: 1 kernel_size: 1 bias_term: false }"
    first, second = apply(layer, COUNT, -COUNT, blobs=([[[[2]]]],))
    assert first.tolist() == (2 * COUNT).tolist()
    assert second.tolist() == (-2 * COUNT).tolist()


def test_convolution_in_parts_is_the_same(monkeypatch):
    stream = np.random.default_rng(0)
    x, weights = stream.standard_normal((2, 4, 9, 7)), stream.standard_normal((6, 2, 3, 3))
    layer = "type: 'Convolution' convolution_param { num_output: 6 kernel_size: 3 group: 2 pad: 1 bias_term: false }"
    whole = apply(layer, x, blobs=(weights,))
    monkeypatch.setattr("omz.converter.caffe.reference.convolution.PART", 600)
    assert apply(layer, x, blobs=(weights,)) == pytest.approx(whole, abs=1e-13)
    layer = "type: 'InnerProduct' inner_product_param { num_output: 9 bias_term: false }"
    matrix = stream.standard_normal((9, 252))
    assert apply(layer, x, blobs=(matrix,)) == pytest.approx(x.reshape(2, -1) @ matrix.T, abs=1e-12)


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_depthwise_convolution_needs_no_group(kind):
    x = np.concatenate([COUNT, COUNT], axis=1)
    layer = f"type: '{kind}' convolution_param {{ num_output: 2 kernel_size: 3 bias_term: false }}"
    y = apply(layer, x, blobs=([[np.ones((3, 3))], [np.full((3, 3), 2)]],))
    assert y.ravel().tolist() == [45, 90]


def test_deconvolution_spreads_each_pixel_over_a_kernel():
    layer = "type: 'Deconvolution' convolution_param { num_output: 1 kernel_size: 3 stride: 2 %s }"
    weights = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
    y = apply(layer % "", image([[1, 10]]), blobs=(weights, [0.5]))
    # The windows of the two pixels start at columns 0 and 2, and share column 2.
    assert y[0, 0].tolist() == [
        [1.5, 2.5, 13.5, 20.5, 30.5],
        [4.5, 5.5, 46.5, 50.5, 60.5],
        [7.5, 8.5, 79.5, 80.5, 90.5],
    ]
    y = apply(layer % "pad: 1 bias_term: false", image([[1, 10]]), blobs=(weights,))
    assert y[0, 0].tolist() == [[5, 46, 50]]
    with pytest.raises(ValueError, match="leaves nothing"):
        apply(layer % "pad: 3 bias_term: false", image([[1]]), blobs=(weights,))


def test_deconvolution_keeps_groups_apart():
    layer = (
        "type: 'Deconvolution' convolution_param { num_output: 4 kernel_size: 1 group: 2 bias_term: false }"
    )
    y = apply(layer, np.reshape([1.0, 10], (1, 2, 1, 1)), blobs=(np.reshape([1, 2, 3, 4], (2, 2, 1, 1)),))
    assert y.ravel().tolist() == [1, 2, 30, 40]


def test_lrn_across_channels():
    x = np.reshape([1.0, 2, 3, 4], (1, 4, 1, 1))
    y = apply("type: 'LRN' lrn_param { local_size: 3 alpha: 6 beta: 1 k: 5 }", x)
    # k + alpha / size * (sum of the squares of a channel and its neighbours)
    assert y.ravel() == pytest.approx([1 / (5 + 2 * 5), 2 / (5 + 2 * 14), 3 / (5 + 2 * 29), 4 / (5 + 2 * 25)])


def test_lrn_within_a_channel():
    x = image([[1.0, 2], [3, 4]])
    y = apply("type: 'LRN' lrn_param { local_size: 3 alpha: 9 beta: 1 k: 7 norm_region: WITHIN_CHANNEL }", x)
    # Every window holds all four; sizes count one line of padding on each side but none behind: 3 x 3.
    assert y[0, 0] == pytest.approx(np.array([[1, 2], [3, 4]]) / (1 + 30))
    with pytest.raises(ValueError, match="odd"):
        apply("type: 'LRN' lrn_param { local_size: 4 }", x)


def test_bn_of_four_blobs_and_of_two():
    x = np.reshape([3.0, 5.0], (1, 2, 1, 1))
    blobs = ([10, 1], [7, 0], [1, 5], [3, 1])
    y = apply("type: 'BN' bn_param { eps: 1 }", x, blobs=blobs)
    assert y.ravel().tolist() == [10 * 2 / 2 + 7, 0]
    y = apply("type: 'BN' bn_param { eps: 9 var_eps: 1 }", x, blobs=blobs)
    assert y.ravel().tolist() == [17, 0]
    y = apply("type: 'BN' bn_param { bn_mode: INFERENCE }", x, blobs=([[[[2]], [[3]]]], [[[[1]], [[-1]]]]))
    assert y.ravel().tolist() == [7, 14]
    with pytest.raises(ValueError, match="LEARN"):
        apply("type: 'BN'", x, blobs=([2, 3], [1, -1]))


def test_bias_forms():
    x = np.zeros((1, 2, 2, 3))
    assert apply("type: 'Bias'", x, blobs=([1, 2],))[0, :, 0, 0].tolist() == [1, 2]
    assert apply("type: 'Bias' bias_param { axis: -1 }", x, [1, 2, 3])[0, 1, 1].tolist() == [1, 2, 3]
    y = apply("type: 'Bias' bias_param { axis: 1 num_axes: 2 }", x, blobs=([[1, 2], [3, 4]],))
    assert y[0, :, :, 2].tolist() == [[1, 2], [3, 4]]


def test_mvn_takes_each_channel_or_the_whole_image():
    x = np.array([[[[1.0, 3]], [[10, 10]]]])
    y = apply("type: 'MVN' mvn_param { eps: 1 }", x)
    assert y.ravel().tolist() == [-0.5, 0.5, 0, 0]  # the deviation is 1, and eps is added to it
    assert apply("type: 'MVN' mvn_param { normalize_variance: false }", x).ravel().tolist() == [-1, 1, 0, 0]
    y = apply("type: 'MVN' mvn_param { across_channels: true normalize_variance: false }", x)
    assert y.ravel().tolist() == [-5, -3, 4, 4]
    assert apply("type: 'MVN'", [[1.0, 2]]).shape == (1, 2, 1, 1)  # always four axes


def test_normalize_divides_by_the_norm():
    x = np.reshape([3.0, 0, 4, 0], (1, 2, 1, 2))
    layer = "type: 'Normalize' norm_param { %s eps: 0 }"
    y = apply(layer % "channel_shared: false", x, blobs=([10, 20],))
    assert y.ravel().tolist() == [6, 0, 16, 0]
    x = np.reshape([3.0, 6, 4, 8], (1, 2, 1, 2))
    y = apply(layer % "across_spatial: false", x, blobs=(5.0,))
    assert y.ravel().tolist() == [3, 3, 4, 4]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("type: 'ReLU6'", [0, 0, 2, 6]),
        ("type: 'ReLU6' relu6_param { n: 3 }", [0, 0, 2, 3]),
        ("type: 'ELU' elu_param { alpha: 2 }", [2 * (np.exp(-1) - 1), 0, 2, 8]),
        ("type: 'TanH'", [np.tanh(-1), 0, np.tanh(2), np.tanh(8)]),
        ("type: 'AbsVal'", [1, 0, 2, 8]),
        ("type: 'BNLL'", [np.log1p(np.exp(-1)), np.log(2), np.log1p(np.exp(2)), np.log1p(np.exp(8))]),
        ("type: 'Power' power_param { power: 2 scale: 3 shift: 1 }", [4, 1, 49, 625]),
        ("type: 'Power' power_param { power: 0 }", [1, 1, 1, 1]),
        ("type: 'Power' power_param { power: -1 scale: 0 shift: 4 }", [0.25] * 4),
        ("type: 'Exp'", [np.exp(-1), 1, np.exp(2), np.exp(8)]),
        ("type: 'Exp' exp_param { base: 2 scale: 0.5 shift: 1 }", [2**0.5, 2, 4, 32]),
        ("type: 'Log' log_param { shift: 2 }", [0, np.log(2), np.log(4), np.log(10)]),
        ("type: 'Log' log_param { base: 4 scale: 3.5 shift: 4 }", [-0.5, 1, np.log(11) / np.log(4), 2.5]),
        ("type: 'Clip' clip_param { min: -0.5 max: 2.5 }", [-0.5, 0, 2, 2.5]),
        ("type: 'Swish'", [-1 / (1 + np.e), 0, 2 / (1 + np.exp(-2)), 8 / (1 + np.exp(-8))]),
        ("type: 'Swish' swish_param { beta: 0 }", [-0.5, 0, 1, 4]),
        ("type: 'Threshold'", [0, 0, 1, 1]),
        ("type: 'Threshold' threshold_param { threshold: 2 }", [0, 0, 0, 1]),
    ],
)  # fmt: skip
def test_elementwise_layers(layer, expected):
    assert apply(layer, [-1.0, 0, 2, 8]) == pytest.approx(np.array(expected), abs=1e-6)


def test_bnll_does_not_overflow():
    assert apply("type: 'BNLL'", [1000.0, -1000.0]).tolist() == [1000, 0]


def test_prelu_per_channel_and_shared():
    x = np.array([[[-2.0, 2], [-3, 3]]])
    assert apply("type: 'PReLU'", x, blobs=([0.5, 10],)).tolist() == [[[-1, 2], [-30, 3]]]
    y = apply("type: 'PReLU' prelu_param { channel_shared: true }", x, blobs=(3.0,))
    assert y.tolist() == [[[-6, 2], [-9, 3]]]


def test_slice_in_equal_and_in_stated_parts():
    x = np.arange(6.0).reshape(1, 6)
    first, second = apply("type: 'Slice' top: 'a' top: 'b'", x)
    assert (first.tolist(), second.tolist()) == ([[0, 1, 2]], [[3, 4, 5]])
    layer = (
        "type: 'Slice' top: 'a' top: 'b' top: 'c' slice_param { slice_dim: 1 slice_point: 1 slice_point: 5 }"
    )
    assert [part.tolist() for part in apply(layer, x)] == [[[0]], [[1, 2, 3, 4]], [[5]]]
    with pytest.raises(ValueError, match="cannot be cut"):
        apply("type: 'Slice' top: 'a' top: 'b' top: 'c' top: 'd'", x)
    with pytest.raises(ValueError, match="slice_point"):
        apply("type: 'Slice' top: 'a' top: 'b' slice_param { slice_point: 7 }", x)


def test_permute_leaves_the_rest_in_order():
    x = np.zeros((2, 3, 4, 5))
    layer = "type: 'Permute' permute_param { order: 0 order: 2 order: 3 order: 1 }"
    assert apply(layer, x).shape == (2, 4, 5, 3)
    assert apply("type: 'Permute' permute_param { order: 2 }", x).shape == (4, 2, 3, 5)


def test_crop_by_one_offset_and_by_several():
    x, like = np.arange(12.0).reshape(1, 1, 3, 4), np.zeros((9, 9, 2, 2))
    y = apply("type: 'Crop' crop_param { offset: 1 }", x, like)
    assert y[0, 0].tolist() == [[5, 6], [9, 10]]
    y = apply("type: 'Crop' crop_param { axis: -2 offset: 0 offset: 2 }", x, like)
    assert y[0, 0].tolist() == [[2, 3], [6, 7]]
    assert apply("type: 'Crop'", x, like)[0, 0].tolist() == [[0, 1], [4, 5]]
    with pytest.raises(ValueError, match="does not lie"):
        apply("type: 'Crop' crop_param { offset: 2 }", x, like)


def test_tile_repeats_the_whole_axis():
    assert apply("type: 'Tile' tile_param { tiles: 2 }", [[1.0, 2]]).tolist() == [[1, 2, 1, 2]]


def test_shuffle_channel_deals_the_groups_out():
    x = np.arange(6.0).reshape(1, 6, 1, 1)
    y = apply("type: 'ShuffleChannel' shuffle_channel_param { group: 2 }", x)
    assert y.ravel().tolist() == [0, 3, 1, 4, 2, 5]


def test_upsample_repeats_pixels():
    y = apply("type: 'Upsample' upsample_param { scale: 2 }", image([[1, 2]]))
    assert y[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


@pytest.mark.parametrize(
    ("operation", "rows", "total"),
    [
        ("SUM", [-2, 18], 16),
        ("ASUM", [6, 18], 24),
        ("SUMSQ", [14, 110], 124),
        ("MEAN", [-2 / 3, 6], 16 / 6),
    ],
)
def test_reduction(operation, rows, total):
    x = [[-3.0, 2, -1], [5, 6, 7]]
    y = apply(f"type: 'Reduction' reduction_param {{ operation: {operation} axis: 1 }}", x)
    assert y.tolist() == pytest.approx(rows)
    y = apply(f"type: 'Reduction' reduction_param {{ operation: {operation} coeff: -2 }}", x)
    assert y.tolist() == pytest.approx(-2 * total)
    assert y.shape == ()


def test_argmax_forms():
    x = [[1.0, 9, 4], [7, 2, 7]]
    assert apply("type: 'ArgMax'", x).tolist() == [[[1]], [[2]]]  # of equals, the last
    y = apply("type: 'ArgMax' argmax_param { top_k: 2 out_max_val: true }", x)
    assert y.tolist() == [[[1, 2], [9, 4]], [[2, 0], [7, 7]]]
    assert apply("type: 'ArgMax' argmax_param { axis: 0 }", x).tolist() == [[1, 0, 1]]
    y = apply("type: 'ArgMax' argmax_param { axis: -1 top_k: 2 out_max_val: true }", x)
    assert y.tolist() == [[9, 4], [7, 7]]
    assert apply("type: 'ArgMax'", np.zeros((2, 3, 4, 5))).shape == (2, 1, 1, 1)


def test_interp_keeps_the_corners():
    x = image([[0, 10], [20, 30]])
    y = apply("type: 'Interp' interp_param { height: 3 width: 2 }", x)
    assert y[0, 0].tolist() == [[0, 10], [10, 20], [20, 30]]
    y = apply("type: 'Interp' interp_param { zoom_factor: 2 }", x)
    assert y[0, 0] == pytest.approx(np.array([[0, 5, 10], [10, 15, 20], [20, 25, 30]]))


def test_interp_sizes():
    x = np.zeros((1, 1, 9, 7))

    def size(parameters, *others):
        return apply(f"type: 'Interp' interp_param {{ {parameters} }}", x, *others).shape[2:]

    assert size("shrink_factor: 2") == (5, 4)
    assert size("zoom_factor: 3") == (25, 19)
    assert size("shrink_factor: 2 zoom_factor: 3") == (13, 10)
    assert size("pad_beg: -1 pad_end: -2 zoom_factor: 2") == (11, 7)
    assert size("", np.zeros((1, 4, 6, 11))) == (6, 11)
    with pytest.raises(ValueError, match="size"):
        size("")


def test_interp_crops_before_it_scales():
    x = image([[9, 9, 9, 9], [9, 0, 8, 9], [9, 0, 8, 9], [9, 9, 9, 9]])
    y = apply("type: 'Interp' interp_param { pad_beg: -1 pad_end: -1 height: 1 width: 3 }", x)
    assert y[0, 0].tolist() == [[0, 4, 8]]


def test_silence_and_split_by_number_of_tops():
    assert apply("type: 'Silence'", [1.0]) == []
    tops = apply("type: 'Split' top: 'a' top: 'b'", [1.0])
    assert [top.tolist() for top in tops] == [[1], [1]]


V1 = """
    input: "data" input_dim: 1 input_dim: 1 input_dim: 3 input_dim: 3
    layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv"
             convolution_param { num_output: 1 kernel_size: 2 bias_term: false } }
    layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
    layers { name: "pool" type: POOLING bottom: "conv" top: "pool" pooling_param { kernel_size: 2 } }
    layers { name: "accuracy" type: ACCURACY bottom: "pool" bottom: "label" top: "accuracy" }
"""


def test_nets_of_the_old_format_run_as_far_as_asked():
    net = text_format.Parse(V1, caffe_pb2.NetParameter())
    weights = {"conv": [np.reshape([1, 0, 0, -1], (1, 1, 2, 2))]}
    blobs = run(net, weights, {"data": -COUNT}, ["pool", "conv"])
    assert {name: blob.tolist() for name, blob in blobs.items()} == {
        "pool": [[[[4]]]],
        "conv": [[[[4, 4], [4, 4]]]],
    }
    assert run(net, weights, {"data": COUNT}, ["conv"])["conv"].tolist() == [[[[0, 0], [0, 0]]]]
    with pytest.raises(ValueError, match="'accuracy' reads 'label'"):
        run(net, weights, {"data": COUNT})
    with pytest.raises(ValueError, match="no blob or layer 'elsewhere'"):
        run(net, weights, {"data": COUNT}, ["elsewhere"])


def test_the_output_of_a_layer_is_what_it_made():
    net = text_format.Parse(
        """
        layer { name: "in" type: "Input" top: "a" }
        layer { name: "first" type: "Power" bottom: "a" top: "a" power_param { shift: 1 } }
        layer { name: "second" type: "Power" bottom: "a" top: "a" power_param { scale: 2 } }
        """,
        caffe_pb2.NetParameter(),
    )
    x = {"a": np.array([1.0])}
    assert run(net, {}, x, ["first"])["first"].tolist() == [2]
    assert run(net, {}, x, ["a", "first"])["a"].tolist() == [4]


def test_unknown_types_are_named():
    with pytest.raises(ValueError, match="'odd': the reference has no type 'Elsewhere'"):
        apply("name: 'odd' type: 'Elsewhere'", [1.0])


def test_layers_share_weights_by_name():
    net = text_format.Parse(
        """
        input: "x" input_shape { dim: 1 dim: 1 }
        layer { name: "a" type: "Scale" bottom: "x" top: "a" param { name: "s" } }
        layer { name: "b" type: "Scale" bottom: "x" top: "b" param { name: "s" } }
        """,
        caffe_pb2.NetParameter(),
    )
    x = {"x": np.array([[1.0]])}
    blobs = run(net, {"a": [np.array([2.0])]}, x)
    assert (blobs["a"].tolist(), blobs["b"].tolist()) == ([[2]], [[2]])
    blobs = run(net, {"b": [np.array([3.0])], "a": [np.array([2.0])]}, x)  # the last of the file counts
    assert (blobs["a"].tolist(), blobs["b"].tolist()) == ([[2]], [[2]])


def test_a_softmax_with_loss_stands_for_its_softmax():
    net = text_format.Parse(
        """
        input: "x" input_shape { dim: 1 dim: 2 }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "l" }
        """,
        caffe_pb2.NetParameter(),
    )
    assert run(net, {}, {"x": np.zeros((1, 2))}, ["loss"])["loss"].tolist() == [[0.5, 0.5]]
