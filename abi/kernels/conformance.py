"""The one suite that every kernel set passes, runnable wherever Python runs.

    from abi.kernels import conformance, select
    failed = [c for c in conformance.run(select("native")) if not c.ok]

Expected values are worked out here in float64, by other formulas than the kernels use. An
error is the largest difference over the largest expected magnitude; for products over that of
`|x| @ |w|`, so that a sum that cancels is not judged by what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from abi.kernels._check import SIZES, TOLERANCES, Check, compare, normal
from abi.kernels._check_attention import check_attention, check_cache, check_experts
from abi.kernels._check_search import check_search
from abi.kernels._numpy import NumpyKernels
from abi.quant import CODECS, TYPES, Tensor, encode

__all__ = ["SIZES", "TOLERANCES", "Check", "run"]

F32 = npt.NDArray[np.float32]

_WIDTH = 96  # of rows where sizes vary in the other dimensions
_WIDE = 256  # the same for types with larger blocks
_NO_WEIGHTS = ("Q8_1", "Q8_K")  # formats of activations


def run(kernels: NumpyKernels, *, int8_activations: bool = False) -> list[Check]:
    """Compare every kernel with its definition.

    Parameters
    ----------
    kernels : NumpyKernels
        Or a subclass.
    int8_activations : bool
        Whether these kernels round activations: to bytes in products of quantised weights; to
        16 bits a block, or to sums of two bfloat16, in those of 16-bit ones.

    Returns
    -------
    list of Check
    """
    rng = np.random.default_rng(11)
    return [
        *_products(kernels, rng, int8_activations),
        *_norms(kernels, rng),
        *_elementwise(kernels, rng),
        *_rotations(kernels, rng),
        *check_attention(kernels, rng),
        *check_experts(kernels, rng),
        *check_cache(kernels, rng),
        *check_search(kernels, rng),
    ]


def _products(
    kernels: NumpyKernels, rng: np.random.Generator, int8_activations: bool
) -> Iterator[Check]:
    for name in (name for name, codec in CODECS.items() if codec.encodes):
        if name in _NO_WEIGHTS:
            continue
        quantised = TYPES[name].block_size > 1
        width = _WIDTH if _WIDTH % TYPES[name].block_size == 0 else _WIDE
        raw = encode(normal(rng, max(SIZES), width), name)
        kind = "matmul"
        if int8_activations and name != "F32":
            kind = "matmul/int8" if quantised else "matmul/16"
        for mode in ("float32", "blocks") if width == _WIDTH else ("blocks",):
            for n in SIZES[1:]:
                part = raw[: TYPES[name].n_bytes(n * width)]
                tensor = Tensor("w", (n, width), TYPES[name], part)
                weight = kernels.pack(tensor, mode)
                table = tensor.to_float32().astype(np.float64)
                ids = np.arange(n)[::-2].copy()
                rows = kernels.to_numpy(kernels.take_rows(weight, ids))
                yield compare("take_rows", f"{name} {mode} n={n}", rows, table[ids])
                for t in (0, 1, 2, 8, 9, n):
                    x = normal(rng, t, 2 * width)[:, ::2]  # not contiguous
                    got = kernels.to_numpy(kernels.matmul(kernels.asarray(x), weight))
                    want = np.einsum("tk,nk->tn", x.astype(np.float64), table)
                    size = np.einsum("tk,nk->tn", abs(x), abs(table)).max(initial=0.0)
                    yield compare(kind, f"{name} {mode} n={n} T={t}", got, want, size)


def _norms(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for n in SIZES[1:]:
        x, w, b = normal(rng, 5, n) * 3 + 1, normal(rng, n), normal(rng, n)
        weight, bias = (kernels.pack(Tensor.from_array("v", v)) for v in (w, b))
        wide = x.astype(np.float64)
        want = w * wide / np.sqrt(np.square(wide).mean(1, keepdims=True) + 1e-5)
        got = kernels.rms_norm(kernels.asarray(x), weight, 1e-5)
        yield compare("rms_norm", f"n={n}", kernels.to_numpy(got), want)
        want = w * (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
        got = kernels.layer_norm(kernels.asarray(x), weight, bias, 1e-5)
        yield compare("layer_norm", f"n={n}", kernels.to_numpy(got), want + b)


def _elementwise(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for n in SIZES:
        x, y = normal(rng, 3, 2 * n)[:, ::2] * 30, normal(rng, 3, n)
        wide = x.astype(np.float64)
        with np.errstate(over="ignore"):
            silu = wide / (1 + np.exp(-wide))
        gelu = wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))) / 2
        with np.errstate(over="ignore"):
            sigmoid = 1 / (1 + np.exp(-wide))
        expected = {"silu": silu, "gelu": gelu, "relu": wide * (wide > 0), "sigmoid": sigmoid}
        for kind, want in (expected | {"tanh": np.tanh(wide)}).items():
            got = kernels.to_numpy(kernels.act(kernels.asarray(x), kind))
            yield compare("act/gelu" if kind == "gelu" else "act", f"{kind} n={n}", got, want)
        gate, up = kernels.asarray(x), kernels.asarray(y)
        yield compare("glu", f"n={n}", kernels.to_numpy(kernels.glu(gate, up)), silu * y)
        clipped = np.minimum(wide, 7)
        oai = clipped / (1 + np.exp(-1.702 * clipped)) * (np.clip(y, -7, 7) + 1)
        got = kernels.to_numpy(kernels.glu(gate, up, "swiglu_oai"))
        yield compare("glu", f"swiglu_oai n={n}", got, oai)
        yield compare("add", f"n={n}", kernels.to_numpy(kernels.add(gate, up)), x + y)
        yield from _scales(kernels, x, f"n={n}")
        rows = np.array([2, 0])
        yield compare("select", f"n={n}", kernels.to_numpy(kernels.select(gate, rows)), x[rows])


def _scales(kernels: NumpyKernels, x: F32, label: str) -> Iterator[Check]:
    have, wide = kernels.asarray(x), x.astype(np.float64)
    column = np.array([[2.0], [0.5], [-3.0]], np.float32)
    yield compare("scale", label, kernels.to_numpy(kernels.scale(have, 0.3)), wide * 0.3)
    got = kernels.to_numpy(kernels.scale(have, kernels.asarray(column)))
    yield compare("scale", f"rows {label}", got, wide * column)
    got = kernels.to_numpy(kernels.softcap(have, 30.0))
    yield compare("softcap", label, got, 30 * np.tanh(wide / 30))
    parts = kernels.split(have, (x.shape[1] // 3, x.shape[1] - x.shape[1] // 3))
    got = np.concatenate([kernels.to_numpy(part) for part in parts], axis=1)
    yield compare("select", f"split {label}", got, x)


def _rotations(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for tokens, heads, dim, n_rot in ((0, 1, 8, 8), (1, 3, 8, 8), (7, 2, 10, 6), (33, 1, 2, 2)):
        x = normal(rng, tokens, heads * dim)
        angles = rng.uniform(-9, 9, (tokens, n_rot // 2))
        cis = np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32)
        for neox in (False, True):
            first = np.arange(n_rot // 2) if neox else np.arange(0, n_rot, 2)
            second = first + (n_rot // 2 if neox else 1)
            want = x.astype(np.float64).reshape(tokens, heads, dim)
            a, b = want[..., first], want[..., second]
            turned = (a + 1j * b) * np.exp(1j * angles)[:, None]
            want[..., first], want[..., second] = turned.real, turned.imag
            got = kernels.rope(kernels.asarray(x), kernels.asarray(cis), dim, neox)
            label = f"T={tokens} D={dim} n_rot={n_rot} neox={neox}"
            yield compare("rope", label, kernels.to_numpy(got), want.reshape(x.shape))
    for n in (2, 64):
        x = normal(rng, 5, 3 * n)
        signs = [[(-1) ** (i & j).bit_count() for j in range(n)] for i in range(n)]
        want = x.astype(np.float64).reshape(5, 3, n) @ np.array(signs) / n**0.5
        got = kernels.to_numpy(kernels.hadamard(kernels.asarray(x), n))
        yield compare("hadamard", f"n={n}", got, want.reshape(x.shape))
