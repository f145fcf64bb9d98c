"""Every error that the toolkit raises on purpose.

The tree::

    ZooError                      exit status 1; the message says what, where and how to mend it
    ├── UsageError                exit status 2: the command line asks for something that cannot be
    ├── DescriptorError           a model.yml (or label list) is not what it should be
    ├── DownloadError             a file could not be fetched, or is not the file that was promised
    ├── ConversionError           a model could not be converted
    │   ├── ParseError            a prototxt or caffemodel is not readable
    │   ├── UnsupportedLayerError a layer type has no translator
    │   └── ShapeError            shapes or weights of a layer do not fit together
    └── InferenceError            a model, device or image cannot be used for inference
        └── ClassError            the class of a picture is none of the network's, or cannot be told

Library code raises these; only :mod:`omz.command` turns them into text and an exit status.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ZooError(Exception):
    """Base of all errors that a user can mend; ``str()`` is one or two lines for people."""

    exit_status = 1


class UsageError(ZooError):
    """The command line is wrong: unknown model name, contradictory options."""

    exit_status = 2


class DescriptorError(ZooError):
    """A descriptor file is malformed; the message names file, key path and what was expected."""


class DownloadError(ZooError):
    """A model file could not be fetched or failed verification."""


class ConversionError(ZooError):
    """A model could not be converted to IR."""


class ParseError(ConversionError):
    """A network or weight file is malformed, truncated or too large."""


class UnsupportedLayerError(ConversionError):
    """The network has layers that no translator knows."""


class ShapeError(ConversionError):
    """Shapes, or the weights of a layer, do not fit together."""


class InferenceError(ZooError):
    """A model, device, image or video cannot be used for inference."""


class ClassError(InferenceError):
    """The class of a picture is none of the network's, or cannot be told; whoever needs no classes may go on."""


@contextmanager
def located(where: str) -> Iterator[None]:
    """Prefix the message of any :class:`ZooError` raised inside with ``where: ``.

    The error keeps its type, so that callers up the stack still know what went wrong.
    """
    try:
        yield
    except ZooError as error:
        error.args = (f"{where}: {error}",)
        raise
