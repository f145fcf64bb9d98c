"""The PyTorch frontend: checkpoint -> Architecture -> ``openvino.Model``, without PyTorch. Knows nothing of the zoo."""
