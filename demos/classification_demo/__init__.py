"""Classify pictures and video; as a function: :func:`omz.inference.classification.classify`."""
