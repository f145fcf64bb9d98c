"""Write the small checkpoints in fixtures/ with PyTorch and the safetensors package; what they hold is stated here.

    python tests/converter/pytorch/make_fixtures.py

The tests compare with ``EXPECTED``, which is NumPy alone, so they need neither of the two.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"

_BASE = np.arange(24, dtype=np.float32).reshape(4, 6)
_TYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
_VALUES = (-2, -1.5, 0, 1, 100)

#: Tensors of every kind. The first five share a storage; bfloat16 is read as float32.
EXPECTED: dict[str, Any] = {
    "contiguous": _BASE,
    "transposed": _BASE.T,
    "strided": _BASE[::2, 1::3],
    "offset": _BASE.reshape(-1)[5:11],
    "row": _BASE[3],
    "expanded": np.broadcast_to(np.array([[1], [2], [3]], np.float32), (3, 4)),
    "scalar": np.array(7, np.int64),
    "empty": np.empty((0, 3), np.float32),
    "parameter": np.array([0.5, -0.25], np.float32),
    "bfloat16": np.array(_VALUES, np.float32),
    **{name: np.abs(_VALUES).astype(name) for name in _TYPES},
}


def torch_tensors() -> dict[str, Any]:
    """Return the same tensors, made by PyTorch's own operations."""
    import torch

    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    values = torch.tensor(_VALUES)
    return {
        "contiguous": base,
        "transposed": base.t(),
        "strided": base[::2, 1::3],
        "offset": base.flatten()[5:11],
        "row": base[3],
        "expanded": torch.tensor([[1.0], [2.0], [3.0]]).expand(3, 4),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.tensor([0.5, -0.25])),
        "bfloat16": values.bfloat16(),
        **{name: values.abs().to(getattr(torch, name)) for name in _TYPES},
    }


def make_fixtures(folder: Path) -> None:
    """Write all fixtures."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    tensors = torch_tensors()
    state = OrderedDict(tensors)
    torch.save(state, folder / "zip.pth")
    torch.save(state, folder / "protocol5.pth", pickle_protocol=5)
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    dense = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(dense, folder / "tensors.safetensors", metadata={"format": "pt"})
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    net.load_state_dict({name: torch.zeros_like(tensor) for name, tensor in net.state_dict().items()})
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    net.load_state_dict({name: torch.zeros_like(tensor) for name, tensor in net.state_dict().items()})
    wrapped = {
        "epoch": 90,
        "arch": "net",
        "best_acc1": torch.tensor(75.0),
        "state_dict": torch.nn.DataParallel(net).state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [
            (1, 0.5),
            {"size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16},
        ],
    }
    torch.save(wrapped, folder / "wrapped.pth")
    torch.save({"model": wrapped}, folder / "wrapped-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(net, folder / "module.pth")
    torch.jit.script(torch.nn.Sequential()).save(str(folder / "script.pt"))
    for path in folder.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    make_fixtures(FIXTURES)
