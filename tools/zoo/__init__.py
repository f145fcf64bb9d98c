"""Descriptors: what a model is, where its files come from and how it is converted.

Knows nothing of OpenVINO, and nothing of the network.
"""
