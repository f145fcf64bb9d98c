"""Caffe's layers in NumPy, written from Caffe's definition of each: what the translators are compared with.

It shares nothing with them: neither OpenVINO nor :mod:`omz.converter.caffe.layers` nor :mod:`omz.converter.caffe.net`
is imported. ``--verify`` runs it, and so do the tests.
"""

from .interpreter import active_layers, run
from .layers import LAYERS

__all__ = ["LAYERS", "active_layers", "run"]
