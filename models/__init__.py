"""Descriptors, label lists and the bundled sample: data, no code. ``omz.models()`` returns the names of the models."""

from omz.callable_module import make_callable

make_callable(__name__, "omz.zoo.catalogue:matching_names")
