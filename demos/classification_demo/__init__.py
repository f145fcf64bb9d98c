"""Classify pictures and video: ``classify`` for programs, ``command`` for the command line."""

from omz.demos.classification_demo.classification import Classified, classify

__all__ = ["Classified", "classify"]
