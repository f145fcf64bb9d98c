"""A small good descriptor, and a folder to spoil it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
description: A net
task_type: classification
files:
  - name: net.prototxt
    size: 12
    sha256: {sha256}
    source: https://example.com/net.prototxt
  - name: net.caffemodel
    size: 34
    checksum: {sha384}
    source:
      $type: google_drive
      id: abc-DEF_123
    original_source:
      - https://example.com/net.caffemodel
      - $type: bundled
        path: files/net.caffemodel
postprocessing:
  - $type: regex_replace
    file: net.prototxt
    pattern: 'dim: (10)'
    replacement: 'dim: 1'
    count: 1
  - $type: unpack_archive
    file: net.caffemodel
    format: gztar
input_info:
  - name: data
    shape: [1, 3, 8, 8]
    layout: NCHW
model_optimizer_args:
  - --mean_values=data[1.0,2.0,3.0]
  - --output=prob
framework: caffe
quantizable: yes
license: https://example.com/LICENSE
model_info:
  model_type: Classification
  labels: [cat, dog]
  resize_type: standard
output_info:
  - name: prob
    shape: [1, 2]
    values: probabilities
specification:
  title: A net
  paper: https://example.com/paper
  gflops: 1.5
  mparams: 2
  top1: 81
  top5: 99.25
  channel_order: BGR
  license_name: MIT
  license_file: MIT-net.txt
  notes: [It is small.]
""".format(sha256="5a" * 32, sha384="C3" * 48)

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def good() -> str:
    return GOOD


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write ``model.yml`` (or ``file``) of model ``name`` below the folder ``models``; return its path."""

    def write_(content: str | bytes = GOOD, name: str = "public/net", file: str = "model.yml") -> Path:
        path = tmp_path / "models" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir(exist_ok=True)
    return tmp_path / "models"
