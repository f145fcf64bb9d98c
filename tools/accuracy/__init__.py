"""How right a classifier is: datasets, metrics and the evaluation. ``omz.accuracy(...)`` measures one."""

from omz.callable_module import make_callable

make_callable(__name__, "omz.accuracy.measure:measure")
