"""The NumPy interpreter: cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from omz.converter.caffe import caffe_pb2
from omz.converter.caffe.reference import LAYERS, run
from omz.converter.caffe.reference.geometry import pooling_size


def apply(layer: str, *bottoms, blobs=()):
    """Run one layer, given in prototxt's syntax."""
    message = text_format.Parse(layer, caffe_pb2.LayerParameter())
    arrays = [np.asarray(x, np.float64) for x in bottoms]
    return LAYERS[message.type](message, arrays, [np.asarray(b, np.float64) for b in blobs])


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
    assert y.shape == (1, 1, 2, 2)


def test_global_pooling():
    x = np.stack([COUNT[0, 0], 2 * COUNT[0, 0]])[np.newaxis]
    y = apply("type: 'Pooling' pooling_param { pool: AVE global_pooling: true }", x)
    assert y.tolist() == [[[[5]], [[10]]]]


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
