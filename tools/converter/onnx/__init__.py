"""The ONNX frontend: OpenVINO's own reader, with the checks that a file from a stranger needs. Knows nothing of the zoo."""
