"""The Caffe frontend: prototxt + caffemodel -> Net -> folded Net -> ``openvino.Model``. Knows nothing of the zoo."""
