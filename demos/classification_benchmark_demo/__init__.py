"""Measure a classifier's speed and accuracy: ``benchmark`` for programs, ``command`` for the command line."""

from omz.demos.classification_benchmark_demo.measurement import benchmark
from omz.demos.classification_benchmark_demo.report import Accuracy, Report

__all__ = ["Accuracy", "Report", "benchmark"]
