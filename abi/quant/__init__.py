"""Tensor formats of GGUF: block layouts, decoding to float32 and encoding from it.

One small class a format, over blocks `(n, type_size) uint8 <-> (n, block_size) float32`,
bit-exact with ggml. Formats that are known but have no codec yet can be listed and copied;
decoding one raises `UnsupportedError` with its name.
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
