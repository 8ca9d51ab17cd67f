"""Experts as operations: routing, products of rows put together by expert, and their sum."""

from __future__ import annotations

import ctypes

from abi.errors import InputError
from abi.kernels import Experts, Layer, Weight
from abi_accel._operations import Operations, UnsupportedLayer
from abi_accel._weights import Native

__all__ = ["feed"]

_MOST_EXPERTS = 1024  # as experts.h has it


def feed(made: Operations, layer: Layer, h: int) -> int:
    """Tokens of a buffer through their experts, and those that all share; the buffer of the sum."""
    out = _routed(made, layer, h)
    if layer.ffn_up_shexp is None:
        return out
    gate = made.linear(h, layer.ffn_gate_shexp, None, meet=False)
    up = made.linear(h, layer.ffn_up_shexp, None)
    shared = made.linear(made.glu(gate, up), layer.ffn_down_shexp, None)
    if layer.ffn_gate_inp_shexp is not None:
        opened = made.linear(h, layer.ffn_gate_inp_shexp, None)
        made.fits(opened, 1)
        made.op("gate", a=shared, b=opened, out=shared, n=made.widths[shared])
    return made.add(out, shared, made.buffer(made.widths[out]))


def _routed(made: Operations, layer: Layer, h: int) -> int:
    spec = made.spec
    scores = made.linear(h, layer.ffn_gate_inp, layer.ffn_gate_inp_bias)
    n, used = made.widths[scores], spec.n_expert_used
    if not 1 <= used <= n <= _MOST_EXPERTS:
        raise UnsupportedLayer
    counts = n << 16 | used  # as program.h has them
    way = (spec.expert_softmax == "used") | spec.expert_norm << 1
    routing = made.buffer(3 * (n + 1) + 4 * used)
    made.op("route", a=scores, out=routing, type=way, flag=counts)
    made.op("order", a=routing, out=routing, flag=counts)
    table = _Table(made, routing, counts)
    if layer.ffn_gate_exps is None:
        inner = table.product(h, layer.ffn_up_exps, layer.ffn_up_exps_bias)
        made.act(inner)
    else:
        gate = table.product(h, layer.ffn_gate_exps, layer.ffn_gate_exps_bias, meet=False)
        up = table.product(h, layer.ffn_up_exps, layer.ffn_up_exps_bias)
        inner = made.glu(gate, up)
    down = table.product(inner, layer.ffn_down_exps, layer.ffn_down_exps_bias, of_pairs=True)
    width = made.widths[down] // used
    return made.op("mix", a=down, b=routing, out=made.buffer(width), n=width, flag=counts)


class _Table:
    """Products by experts: each has a matrix, and rows are put together by them."""

    def __init__(self, made: Operations, routing: int, counts: int) -> None:
        self._made, self._routing, self._counts = made, routing, counts
        self._n, self._used = divmod(counts, 1 << 16)
        self._rounded: tuple[int, int] | None = None

    def product(
        self,
        x: int,
        experts: Experts | None,
        bias: Weight | None,
        *,
        of_pairs: bool = False,
        meet: bool = True,
    ) -> int:
        """By the matrices of experts: `used` rows of the result a token."""
        made, used = self._made, self._used
        if experts is None or experts[0].layout != "native":
            raise UnsupportedLayer
        shape, native = experts[0].shape, Native.of(experts[0])
        rows, k = shape
        width = made.widths[x] // (used if of_pairs else 1)
        if k != width or len(experts) != self._n:
            message = f"{experts[0].name}: {len(experts)} of {shape}"
            raise InputError(f"{message}, expected {self._n} of (n, {width})")
        if not native.packed or any(
            w.shape != shape
            or w.adapters
            or w.layout != "native"
            or Native.of(w).type != native.type
            for w in experts
        ):
            raise UnsupportedLayer
        if self._rounded != (x, native.rounding):
            made.ops[-1].meet = True
            made.op("round_routed", a=x, b=self._routing, n=of_pairs, k=k,
                    type=native.type, flag=self._counts)  # fmt: skip
            self._rounded, made.rounded = (x, native.rounding), None
        addresses = (ctypes.c_void_p * self._n)(*(Native.of(w).address for w in experts))
        made.kept += [addresses, *experts]
        made.products.add((native.type, k, 2 * used))  # twice: of some kernels' whole tiles
        return made.op(
            "experts", a=x, b=self._routing, out=made.buffer(rows * used), n=rows, k=k,
            w=ctypes.addressof(addresses), bias=made.vector(bias, self._n * rows),
            type=native.type, flag=self._counts, meet=meet,
        )  # fmt: skip
