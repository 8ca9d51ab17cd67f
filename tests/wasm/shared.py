"""What runs both natively and in Pyodide, so that the results can be compared."""

import hashlib
from typing import Any

import numpy as np

import abi
from abi.kernels import NumpyKernels
from abi.quant import Tensor

__all__ = ["features", "fixed_product", "story"]


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


def features() -> dict[str, Any]:
    """What the core does beside greedy text, with the model that ships."""
    model = abi.load(kernels="numpy")
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": "^[A-Z][a-z]{2,7}$"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    template = "{% for m in messages %}{{ m.content | trim }}{% endfor %}"
    weights = np.random.default_rng(3).standard_normal((4, 256)).astype(np.float32)
    vectors = model.embed(["a cat", "two dogs"], pooling="mean")
    return {
        "json": model.generate(
            "A girl: ", constraint=model.constrain(json_schema=schema), temperature=0
        ).read(),
        "chat": model.chat(
            [{"role": "user", "content": " Once upon a time "}],
            template=template,
            max_tokens=12,
            temperature=0,
        ),
        "seeded": model.generate(
            "Lily", max_tokens=12, seed=7, repeat_penalty=1.1, xtc_probability=0.3
        ).read(),
        "drafted": model.generate(
            "Lily and Tom", max_tokens=12, temperature=0, draft=model.draft_for(model)
        ).read(),
        "vectors": [round(float(x), 4) for x in vectors[:, :6].ravel()],
        "Q4_K": hashlib.sha256(Tensor.from_array("w", weights, "Q4_K").data.tobytes()).hexdigest(),
    }
