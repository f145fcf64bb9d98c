"""Descriptors, label lists and the bundled sample: data, no code."""
