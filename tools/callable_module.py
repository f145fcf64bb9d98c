"""Packages that are functions as well: ``omz.accuracy(...)`` beside ``omz.accuracy.metrics``."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A package whose call is that of the function ``__function__`` names, as ``module:function``."""

    __function__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
        """Call the function; ``help()`` of the package tells which."""
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:  # noqa: ANN401 - what inspect.signature() looks at
        """The function."""
        module, name = self.__function__.split(":")
        return getattr(import_module(module), name)


def make_callable(package: str, function: str) -> None:
    """Let a package be called.

    Args:
        package: Its ``__name__``.
        function: ``module:function``, imported with the first call.
    """
    module = sys.modules[package]
    module.__class__ = CallableModule
    module.__function__ = function  # type: ignore[attr-defined] # it is a CallableModule now
