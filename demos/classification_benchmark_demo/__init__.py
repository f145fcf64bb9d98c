"""Measure a classifier's speed and accuracy; as a function: :func:`omz.inference.benchmark.benchmark`."""
