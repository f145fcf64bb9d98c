"""Open Model Zoo's workflow for current OpenVINO: download, convert, classify, benchmark.

In Python, with nothing imported before it is used; paths are ``str`` or :class:`~pathlib.Path`::

    import omz

    network = omz.convert("deploy.prototxt", "net.caffemodel", mean=(104, 117, 123), labels="imagenet_2015")
    network.save("ir/net.xml", precision="FP16")
    classifier = omz.load("ir/net.xml", device="CPU")
    classifier("cat.jpg").label

Errors are those of :mod:`omz.errors`; all are ``omz.ZooError``.
"""

from typing import TYPE_CHECKING

from omz.version import __version__

if TYPE_CHECKING:
    from omz.accuracy.measure import measure as accuracy
    from omz.converter.network import Network, convert
    from omz.downloader.by_name import download
    from omz.errors import ZooError
    from omz.inference.benchmark import benchmark
    from omz.inference.session import Session, load
    from omz.quantizer.by_path import quantize
    from omz.zoo.catalogue import matching_names as models

__all__ = [
    "Network",
    "Session",
    "ZooError",
    "__version__",
    "accuracy",
    "benchmark",
    "convert",
    "download",
    "load",
    "models",
    "quantize",
]

#: Where each name is; ``accuracy`` and ``models`` are packages that can be called.
_PLACES = {
    "Network": "omz.converter.network",
    "Session": "omz.inference.session",
    "ZooError": "omz.errors",
    "accuracy": "",
    "benchmark": "omz.inference.benchmark",
    "convert": "omz.converter.network",
    "download": "omz.downloader.by_name",
    "load": "omz.inference.session",
    "models": "",
    "quantize": "omz.quantizer.by_path",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'omz' has no attribute {name!r}")
    from importlib import import_module

    place = _PLACES[name]
    return getattr(import_module(place), name) if place else import_module(f"omz.{name}")


def __dir__() -> list[str]:
    return __all__
