"""The ONNX frontend: OpenVINO's reader, and the checks that a stranger's file needs. Knows nothing of the zoo."""
