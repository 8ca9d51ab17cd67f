"""Making one model file of another: of a Hugging Face folder, and by llama.cpp's mixes.

`convert` makes GGUF of safetensors, with the keys and names of llama.cpp's converter. `quantize`
makes a file smaller: the tensor types chosen, the bytes of every tensor and their order in the
file are those of llama-quantize. Importance matrices are not taken, so mixes that need one are
refused by name.
"""

from abi.convert._convert import convert
from abi.convert._mixes import MIXES, Mix
from abi.convert._plan import Planned, QuantizeOptions, QuantizePlan, plan_quantize
from abi.convert._quantize import quantize

__all__ = [
    "MIXES",
    "Mix",
    "Planned",
    "QuantizeOptions",
    "QuantizePlan",
    "convert",
    "plan_quantize",
    "quantize",
]
