"""Open Model Zoo's workflow for current OpenVINO: download, convert, classify, benchmark."""

from omz.version import __version__

__all__ = ["__version__"]
