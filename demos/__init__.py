"""Demos: classification and its benchmark."""
