"""The one suite that every kernel set passes, runnable wherever Python runs.

    from abi.kernels import conformance, select
    failed = [c for c in conformance.run(select("native")) if not c.ok]

Expected values are worked out here in float64, by other formulas than the kernels use. An
error is the largest difference over the largest expected magnitude; for products over that of
`|x| @ |w|`, so that a sum that cancels is not judged by what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.kernels._numpy import NumpyKernels
from abi.kernels._types import KVLayer, Span
from abi.quant import CODECS, TYPES, Tensor

__all__ = ["SIZES", "TOLERANCES", "Check", "run"]

F64 = npt.NDArray[np.float64]

SIZES = (0, 1, 7, 31, 32, 33, 63, 64, 65, 97)

# By kernel; "int8" is a product whose activations are rounded to 8 bits a block of 32.
TOLERANCES: dict[str, float] = {
    "take_rows": 0.0,
    "matmul": 1e-6,
    "matmul/int8": 4e-3,
    "rms_norm": 2e-6,
    "layer_norm": 4e-6,
    "rope": 1e-6,
    "attention": 4e-6,
    "act": 2e-6,
    "glu": 2e-6,
    "add": 0.0,
    "select": 0.0,
    "kv": 0.0,
}

_WIDTH = 96  # of rows where sizes vary in the other dimensions


@dataclass(frozen=True)
class Check:
    """One comparison."""

    name: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


def run(kernels: NumpyKernels, *, int8_activations: bool = False) -> list[Check]:
    """Compare every kernel with its definition.

    Parameters
    ----------
    kernels : NumpyKernels
        Or a subclass.
    int8_activations : bool
        Whether these kernels round activations in products of quantised weights.

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
        *_attention(kernels, rng),
        *_cache(kernels, rng),
    ]


def _check(
    kind: str, label: str, got: object, expected: npt.ArrayLike, magnitude: float | None = None
) -> Check:
    want, have = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    if want.shape != have.shape:
        return Check(f"{kind} {label}: shape {have.shape} not {want.shape}", np.inf, 0.0)
    scale = magnitude or np.abs(want).max(initial=0.0) or 1.0
    error = float(np.abs(want - have).max(initial=0.0) / scale)
    return Check(f"{kind} {label}", error if error == error else np.inf, TOLERANCES[kind])


def _normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return rng.standard_normal(shape, np.float32)


def _products(
    kernels: NumpyKernels, rng: np.random.Generator, int8_activations: bool
) -> Iterator[Check]:
    for name in (name for name, codec in CODECS.items() if codec.encodes):
        quantised = TYPES[name].block_size > 1
        kind = "matmul/int8" if int8_activations and quantised else "matmul"
        for mode in ("float32", "blocks"):
            for n in SIZES[1:]:
                tensor = Tensor.from_array("w", _normal(rng, n, _WIDTH), name)
                weight = kernels.pack(tensor, mode)
                table = tensor.to_float32().astype(np.float64)
                ids = np.arange(n)[::-2].copy()
                rows = kernels.to_numpy(kernels.take_rows(weight, ids))
                yield _check("take_rows", f"{name} {mode} n={n}", rows, table[ids])
                for t in (0, 1, 2, 8, 9, n):
                    x = _normal(rng, t, 2 * _WIDTH)[:, ::2]  # not contiguous
                    got = kernels.to_numpy(kernels.matmul(kernels.asarray(x), weight))
                    want = np.einsum("tk,nk->tn", x.astype(np.float64), table)
                    size = np.einsum("tk,nk->tn", abs(x), abs(table)).max(initial=0.0)
                    yield _check(kind, f"{name} {mode} n={n} T={t}", got, want, size)


def _norms(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for n in SIZES[1:]:
        x, w, b = _normal(rng, 5, n) * 3 + 1, _normal(rng, n), _normal(rng, n)
        weight, bias = (kernels.pack(Tensor.from_array("v", v)) for v in (w, b))
        wide = x.astype(np.float64)
        want = w * wide / np.sqrt(np.square(wide).mean(1, keepdims=True) + 1e-5)
        got = kernels.rms_norm(kernels.asarray(x), weight, 1e-5)
        yield _check("rms_norm", f"n={n}", kernels.to_numpy(got), want)
        want = w * (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
        got = kernels.layer_norm(kernels.asarray(x), weight, bias, 1e-5)
        yield _check("layer_norm", f"n={n}", kernels.to_numpy(got), want + b)


def _elementwise(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for n in SIZES:
        x, y = _normal(rng, 3, 2 * n)[:, ::2] * 30, _normal(rng, 3, n)
        wide = x.astype(np.float64)
        with np.errstate(over="ignore"):
            silu = wide / (1 + np.exp(-wide))
        gelu = wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))) / 2
        for kind, want in (("silu", silu), ("gelu", gelu), ("relu", wide * (wide > 0))):
            got = kernels.to_numpy(kernels.act(kernels.asarray(x), kind))
            yield _check("act", f"{kind} n={n}", got, want)
        gate, up = kernels.asarray(x), kernels.asarray(y)
        yield _check("glu", f"n={n}", kernels.to_numpy(kernels.glu(gate, up)), silu * y)
        yield _check("add", f"n={n}", kernels.to_numpy(kernels.add(gate, up)), x + y)
        rows = np.array([2, 0])
        yield _check("select", f"n={n}", kernels.to_numpy(kernels.select(gate, rows)), x[rows])


def _rotations(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for tokens, heads, dim, n_rot in ((0, 1, 8, 8), (1, 3, 8, 8), (7, 2, 10, 6), (33, 1, 2, 2)):
        x = _normal(rng, tokens, heads * dim)
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
            yield _check("rope", label, kernels.to_numpy(got), want.reshape(x.shape))


def _attention(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for heads, heads_kv, dim in ((1, 1, 7), (4, 2, 8), (6, 1, 33)):
        cache = KVLayer(*(kernels.asarray(_normal(rng, 2, heads_kv, 97, dim)) for _ in range(2)))
        for spans in (
            (Span(0, 0, 0, 0), Span(0, 1, 0, 0)),
            (Span(0, 1, 1, 96),),
            (Span(0, 7, 1, 31), Span(7, 8, 0, 64), ),
            (Span(0, 65, 0, 32),),
        ):  # fmt: skip
            q = _normal(rng, spans[-1].stop, heads * dim)
            want = [_attend(q, cache, s, i) for s in spans for i in range(s.start, s.stop)]
            got = kernels.attention(kernels.asarray(q), cache, spans, dim**-0.5)
            label = f"H={heads}/{heads_kv} D={dim} {spans[0]}"
            yield _check("attention", label, kernels.to_numpy(got), np.stack(want))


def _attend(q: npt.NDArray[np.float32], cache: KVLayer, span: Span, row: int) -> F64:
    """One token, head by head."""
    keys, values = (np.asarray(a, np.float64)[span.slot] for a in (cache.k, cache.v))
    heads = q[row].astype(np.float64).reshape(-1, keys.shape[-1])
    group, length = len(heads) // len(keys), span.pos + row - span.start + 1
    out = []
    for h, head in enumerate(heads):
        scores = np.exp(keys[h // group, :length] @ head * keys.shape[-1] ** -0.5)
        out.append(scores / scores.sum() @ values[h // group, :length])
    return np.concatenate(out)


def _cache(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    shape = (2, 3, 40, 5)
    cache = KVLayer(*(kernels.asarray(np.zeros(shape, np.float32)) for _ in range(2)))
    k, v = _normal(rng, 9, 15), _normal(rng, 9, 15)
    spans = (Span(0, 8, 1, 32), Span(8, 9, 0, 7))
    kernels.kv_append(cache, kernels.asarray(k), kernels.asarray(v), spans)
    for label, store, new in (("k", cache.k, k), ("v", cache.v, v)):
        want = np.zeros(shape)
        for t in range(8):
            want[1, :, 32 + t] = new[t].reshape(3, 5)
        want[0, :, 7] = new[8].reshape(3, 5)
        yield _check("kv", f"append {label}", kernels.to_numpy(store), want)
    grown = kernels.kv_resize(cache, 97)
    yield _check("kv", "resize", kernels.to_numpy(grown.k)[:, :, :40], kernels.to_numpy(cache.k))
