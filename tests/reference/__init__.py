"""An independent reference for the converter: Caffe's layers in NumPy, and (as an oracle) in PyTorch.

``reference.torch_nets`` is not imported here: PyTorch is an extra.
"""

from .interpreter import active_layers, run
from .layers import LAYERS

__all__ = ["LAYERS", "active_layers", "run"]
