"""Layers one operation at a time, each with the time and the bytes that it took."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from abi.kernels import KVLayer, Profile, Span, cached_bytes
from abi.quant import TYPES
from abi_accel._exports import Layers, Op, Program
from abi_accel._operations import KINDS
from abi_accel._plan import Plan

__all__ = ["run_noted"]

_TYPES = {kind.id: kind for kind in TYPES.values()}


def run_noted(
    library: Any,
    threads: int,
    program: Program,
    layers: Layers,
    plans: Sequence[Plan],
    caches: Sequence[KVLayer],
    spans: Sequence[Sequence[Span]],
    profile: Profile,
) -> None:
    """As `library.layers`; what was made is in the second buffer."""
    pointers, step = ctypes.POINTER(ctypes.c_void_p), ctypes.sizeof(Op)
    tables = [ctypes.cast(table, pointers) for table in (layers.heads, layers.spans)]
    single = (ctypes.c_size_t * 1)(1)
    for i, plan in enumerate(plans):
        if i:
            program.buffers[0], program.buffers[1] = program.buffers[1], program.buffers[0]
        heads, where = ((ctypes.c_void_p * 1)(table[i]) for table in tables)
        for nth, op in enumerate(plan.ops):
            ops = (ctypes.c_void_p * 1)(ctypes.addressof(plan.ops) + nth * step)
            columns: tuple[Any, ...] = (ops, single, heads, where)
            one = Layers(*(ctypes.addressof(column) for column in columns), 1)
            start = perf_counter()
            library.layers(ctypes.byref(program), ctypes.byref(one), threads)
            taken = perf_counter() - start
            size = _bytes(op, program.n_tokens, caches[i], spans[i])
            profile.note(KINDS[op.kind], taken, size)


def _bytes(op: Op, n_tokens: int, cache: KVLayer, spans: Sequence[Span]) -> int:
    kind, n, k = KINDS[op.kind], int(op.n), int(op.k)
    if kind == "matmul":
        return _TYPES[op.type].n_bytes(n * k) + 4 * n_tokens * (n + k)
    if kind == "experts":
        n_experts, used = divmod(int(op.flag), 1 << 16)
        read = min(n_experts, n_tokens * used)  # at most
        return read * _TYPES[op.type].n_bytes(n * k) + 4 * n_tokens * used * (n + k)
    moved = 8 * n_tokens * max(n, k)
    return moved + cached_bytes(cache, spans) if kind == "attention" else moved
