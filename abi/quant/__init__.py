"""Tensor formats of GGUF: block layouts, decoding to float32 and encoding from it.

One small class a format, over blocks `(n, type_size) uint8 <-> (n, block_size) float32`,
bit-exact with ggml. All can be read; those whose making needs an importance matrix (IQ1, IQ2 and
IQ3_XXS) raise `UnsupportedError` when they are asked to encode.
"""

from abi.quant._codec import CODECS, Codec, codec, decode, encode, tensor_type
from abi.quant._tensor import Tensor
from abi.quant._types import TYPES, TYPES_BY_ID, TensorType

__all__ = [
    "CODECS",
    "TYPES",
    "TYPES_BY_ID",
    "Codec",
    "Tensor",
    "TensorType",
    "codec",
    "decode",
    "encode",
    "tensor_type",
]
