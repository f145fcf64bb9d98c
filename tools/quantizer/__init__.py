"""Post-training quantization of IRs to 8 bits, with NNCF; ``command`` is ``omz_quantizer``."""

from omz.quantizer.options import Options
from omz.quantizer.quantize import Quantized, quantize_model

__all__ = ["Options", "Quantized", "quantize_model"]
