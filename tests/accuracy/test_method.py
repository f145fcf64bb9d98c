"""How a network is measured: by the file beside its descriptor, which may be none."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from omz.accuracy.method import CONFIG_FILE, evaluation_of
from omz.errors import DescriptorError


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_told_and_not_left_aside(tmp_path, make):
    network: Any = SimpleNamespace(model=SimpleNamespace(directory=tmp_path))
    assert evaluation_of(network) is None
    make(tmp_path / CONFIG_FILE)
    with pytest.raises(DescriptorError, match=CONFIG_FILE):
        evaluation_of(network)
