"""What runs both natively and in Pyodide, so that the results can be compared."""

import hashlib

import numpy as np

import abi
from abi.kernels import NumpyKernels
from abi.quant import Tensor

__all__ = ["fixed_product", "story"]


def fixed_product(kernels: NumpyKernels) -> str:
    """A hash of the bits of a Q8_0 product."""
    rng = np.random.default_rng(5)
    weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((65, 256)), "Q8_0"), "blocks")
    x = rng.standard_normal((9, 256)).astype(np.float32)
    product = kernels.to_numpy(kernels.matmul(kernels.asarray(x), weight))
    return hashlib.sha256(np.ascontiguousarray(product, "<f4").tobytes()).hexdigest()


def story(path: str, kernels: str) -> list[int]:
    """64 tokens, greedy."""
    model = abi.load(path, kernels=kernels)
    generation = model.generate("Once upon a time", max_tokens=64, temperature=0)
    generation.read()
    return generation.tokens
