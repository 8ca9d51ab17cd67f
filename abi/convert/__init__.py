"""Making one model file of another: quantisation by llama.cpp's mixes.

The tensor types chosen, the bytes of every tensor and their order in the file are those of
llama-quantize. Importance matrices are not taken, so mixes that need one are refused by name.
"""

from abi.convert._mixes import MIXES, Mix
from abi.convert._plan import Planned, QuantizeOptions, QuantizePlan, plan_quantize
from abi.convert._quantize import quantize

__all__ = [
    "MIXES",
    "Mix",
    "Planned",
    "QuantizeOptions",
    "QuantizePlan",
    "plan_quantize",
    "quantize",
]
