"""Models of forged files: a folder of descriptors and one of downloads, so that one command meets many of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Of the smallest network of the family that torch2ir reads.
PYTORCH = {"block": "basic", "layers": [1, 1, 1, 1]}


def describe(folder: Path, name: str, files: list[dict[str, Any]], **more: object) -> Path:
    """Write a descriptor below ``folder``/zoo; keys that are None are left out. Returns its path."""
    content = {
        "description": "A net.",
        "task_type": "classification",
        "files": files,
        "framework": "pytorch",
        "license": "https://example.com/licence",
        "model_optimizer_args": ["--input=data"],
        **more,
    }
    path = folder / "zoo" / "public" / name / "model.yml"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def file_entry(name: str, content: bytes, source: str = "https://example.com/file") -> dict[str, Any]:
    """Return the entry of a file in a descriptor."""
    digest = hashlib.sha384(content).hexdigest()
    return {"name": name, "size": len(content), "checksum": digest, "source": source}


def add_checkpoints(folder: Path, contents: Mapping[str, bytes], suffix: str = ".pth") -> list[str]:
    """Make a downloaded model of each checkpoint; returns what omz_converter is to be called with."""
    for name, content in contents.items():
        file = f"net{suffix}"
        describe(
            folder, name, [file_entry(file, content)],
            input_info=[{"name": "data", "shape": [1, 3, 32, 32], "layout": "NCHW"}],
            model_optimizer_args=["--output=logits", f"--input_model=$dl_dir/{file}"], pytorch=PYTORCH,
        )  # fmt: skip
        place = folder / "files" / "public" / name
        place.mkdir(parents=True)
        (place / file).write_bytes(content)
    return [
        "omz_converter",
        "--all",
        "--models_root",
        "zoo",
        "-d",
        "files",
        "-o",
        "out",
        "--precisions",
        "FP32",
    ]
