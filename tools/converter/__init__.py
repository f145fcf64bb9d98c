"""Conversion of models to OpenVINO IR."""
