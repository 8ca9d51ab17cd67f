"""The operations that a layer is written in, each with the buffers and the memory it needs.

Sizes are checked here: the kernels check nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.kernels import Spec, Weight
from abi_accel._exports import Op
from abi_accel._weights import Native, address

__all__ = ["GLUS", "KINDS", "Operations", "UnsupportedLayer"]

KINDS = (
    "rms_norm", "layer_norm", "round", "matmul", "rope", "append", "attention", "glu", "act", "add",
    "scale", "rotate", "route", "order", "round_routed", "experts", "mix", "gate",
)  # fmt: skip
ACTS = ("silu", "gelu", "relu", "sigmoid", "tanh")
GLUS = (*ACTS, "swiglu_oai")


class UnsupportedLayer(Exception):  # noqa: N818 - it never leaves this package
    """There is no operation for it."""


@dataclass
class Operations:
    """Operations in turn. Buffers are numbers.

    Attributes
    ----------
    spec : Spec
    ops : list of Op
    widths : list of int
        Floats a token of each buffer.
    products : set of (int, int, int)
        Types and columns of the products, and for how many rows a token.
    kept : list
        What the pointers point into.
    rounded : tuple, optional
        The buffer that was rounded last, and how.
    """

    spec: Spec
    ops: list[Op] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    products: set[tuple[int, int, int]] = field(default_factory=set)
    kept: list[Any] = field(default_factory=list)
    rounded: tuple[int, int] | None = None

    def op(self, kind: str, *, out: int = 0, meet: bool = True, **fields: Any) -> int:
        self.ops.append(Op(kind=KINDS.index(kind), out=out, meet=meet, **fields))
        if self.rounded is not None and kind != "round" and self.rounded[0] == out:
            self.rounded = None
        return out

    def buffer(self, width: int) -> int:
        self.widths.append(width)
        return len(self.widths) - 1

    def fits(self, x: int, width: int) -> None:
        if self.widths[x] != width:
            raise InputError(f"a layer with {self.widths[x]} columns where {width} are expected")

    def vector(self, w: Weight | None, n: int) -> int:
        if w is None:
            return 0
        data = np.ascontiguousarray(w.data, np.float32)
        if data.size != n:
            raise InputError(f"{w.name}: {data.shape}, expected ({n},)")
        self.kept.append(data)
        return address(data)

    def norm(self, x: int, w: Weight | None, b: Weight | None, out: int | None = None) -> int:
        if w is None:
            if out is not None:
                raise UnsupportedLayer
            return x
        out = self.buffer(self.widths[x]) if out is None else out
        return self.norms(x, w, b, self.widths[x], out)

    def head_norm(self, x: int, w: Weight | None, b: Weight | None) -> int:
        if w is None:
            return x
        if len(w.shape) != 1 or w.shape[0] not in (self.widths[x], self.spec.head_dim):
            raise UnsupportedLayer
        return self.norms(x, w, b, w.shape[0], x)

    def norms(self, x: int, w: Weight, b: Weight | None, n: int, out: int) -> int:
        kind = "rms_norm" if self.spec.norm == "rms" else "layer_norm"
        bias = self.vector(b, n) if kind == "layer_norm" else 0
        return self.op(kind, a=x, out=out, n=n, k=self.widths[x], w=self.vector(w, n), bias=bias,
                       f=self.spec.eps)  # fmt: skip

    def linear(self, x: int, w: Weight | None, b: Weight | None, *, meet: bool = True) -> int:
        if w is None or w.layout not in ("native", "float32"):
            raise UnsupportedLayer
        n = w.shape[0]
        out = self.product(x, w, 0, n, self.vector(b, n), meet=meet or bool(w.adapters))
        for adapter in w.adapters:
            low = self.linear(x, adapter.a, None)
            self.add(out, self.scaled(self.linear(low, adapter.b, None), adapter.scale), out)
        return out

    def parts(
        self,
        x: int,
        w: Weight,
        bias: Weight | None,
        sizes: Sequence[int],
        biases: Sequence[Weight | None],
    ) -> list[int]:
        """A product whose columns are several values."""
        if w.adapters or w.layout not in ("native", "float32"):
            raise UnsupportedLayer
        made: list[int] = []
        first = 0
        whole = self.vector(bias, sum(sizes))
        for size, own in zip(sizes, biases, strict=True):
            if own is not None and bias is not None:
                raise UnsupportedLayer
            at = whole + 4 * first if whole else self.vector(own, size)
            last = len(made) == len(sizes) - 1
            made.append(self.product(x, w, first, size, at, meet=last))
            first += size
        return made

    def product(self, x: int, w: Weight, first: int, n: int, bias: int, *, meet: bool) -> int:
        """By n rows of a matrix from `first` on."""
        native, k = Native.of(w), w.shape[1]
        if self.widths[x] != k or first + n > w.shape[0]:
            raise InputError(f"{w.name}: {w.shape}, expected ({first + n}, {self.widths[x]})")
        if first % native.rows_together:
            raise UnsupportedLayer
        if native.packed and self.rounded != (x, native.rounding):
            if self.ops:  # what was rounded before is read until then
                self.ops[-1].meet = True
            self.op("round", a=x, k=k, type=native.type)
            self.rounded = (x, native.rounding)
        elif not native.packed:  # it writes where products of other types may still read
            if self.ops and self.ops[-1].type != native.type:
                self.ops[-1].meet = True
            self.rounded = None
        self.products.add((native.type, k, 1))
        self.kept.append(native)
        at = native.address + first // native.rows_together * native.step(w.shape)
        return self.op("matmul", a=x, out=self.buffer(n), n=n, k=k, type=native.type, w=at,
                       bias=bias, meet=meet)  # fmt: skip

    def act(self, x: int) -> int:
        if self.spec.act not in ACTS:
            raise UnsupportedLayer
        return self.op("act", a=x, out=x, n=self.widths[x], type=ACTS.index(self.spec.act))

    def glu(self, gate: int, up: int) -> int:
        if self.spec.act not in GLUS:
            raise UnsupportedLayer
        self.fits(gate, self.widths[up])
        kind = GLUS.index(self.spec.act)
        return self.op("glu", a=gate, b=up, out=gate, n=self.widths[up], type=kind)

    def scaled(self, x: int, by: float) -> int:
        return x if by == 1.0 else self.op("scale", a=x, out=x, n=self.widths[x], f=by)

    def add(self, a: int, b: int, out: int) -> int:
        for x in (b, out):
            self.fits(x, self.widths[a])
        return self.op("add", a=a, b=b, out=out, n=self.widths[a])
