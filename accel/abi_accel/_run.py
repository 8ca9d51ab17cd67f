"""One call of a layer's program: where its buffers, cache and tables are."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import KVLayer, Step
from abi_accel._exports import BUFFERS, TABLES, Heads, Program, SpanStruct
from abi_accel._library import Library
from abi_accel._program import Plan
from abi_accel._weights import address

__all__ = ["run"]

F32 = npt.NDArray[np.float32]

_FLOATS = 16  # of a cache line: buffers begin at one


def run(
    library: Library,
    plan: Plan,
    x: F32,
    cache: KVLayer,
    step: Step,
    room: Callable[[int], int],
) -> F32:
    """A layer of `(T, n_embd)`, to the same.

    Raises
    ------
    InputError
        If the cache, the spans or the tables do not fit the plan.
    """
    _check(plan, x, cache, step)
    x = np.ascontiguousarray(x, np.float32)
    out = np.empty_like(x)
    n, threads = len(x), library.n_threads
    starts, total = [], 0
    for width in plan.widths[2:]:
        starts.append(4 * total)
        total += -(-n * width // _FLOATS) * _FLOATS
    rounding = max(library.scratch_size(t, k, n, threads) for t, k in plan.products)
    rounding = -(-rounding // 64) * 64
    own = -(-library.piece_size() // 64) * 64
    scratch = room(4 * total + rounding + threads * own)
    base = scratch + rounding + threads * own
    buffers = [address(x), address(out), *(base + start for start in starts)]
    buffers += [0] * (BUFFERS - len(buffers))
    cis = [np.ascontiguousarray(table, np.float32) for table in step.cis]
    spans = (SpanStruct * len(step.spans))(
        *(SpanStruct(s.start, s.stop, s.slot, s.pos) for s in step.spans)
    )
    heads = Heads.from_buffer_copy(plan.heads)
    heads.k, heads.v, heads.capacity = address(cache.k), address(cache.v), cache.k.shape[2]
    program = Program(
        ctypes.addressof(plan.ops), len(plan.ops), n, len(spans), tuple(buffers),
        ctypes.addressof(spans), ctypes.addressof(heads),
        tuple([address(table) for table in cis] + [0] * (TABLES - len(cis))),
        tuple([2 * table.shape[1] for table in cis] + [0] * (TABLES - len(cis))),
        scratch, rounding, own,
    )  # fmt: skip
    library.program(ctypes.byref(program), threads)
    return out


def _check(plan: Plan, x: F32, cache: KVLayer, step: Step) -> None:
    heads = plan.heads
    shape = (cache.k.shape[0], heads.n_head_kv, cache.k.shape[2], heads.head_dim)
    for store in (cache.k, cache.v):
        if store.shape != shape or not store.flags.c_contiguous:
            raise InputError(f"a cache of shape {store.shape}: expected {shape}, contiguous")
    if x.shape[1] != plan.widths[0]:
        raise InputError(f"activations of {x.shape}: expected (T, {plan.widths[0]})")
    for span in step.spans:
        length = span.stop - span.start
        if not 0 <= span.start <= span.stop <= len(x) or not 0 <= span.slot < shape[0]:
            raise InputError(f"{span} is not of {len(x)} tokens and {shape[0]} slots")
        if span.pos < 0 or span.pos + length > shape[2]:
            raise InputError(f"{span} leaves the cache of {shape[2]} positions")
    for table in step.cis:
        if table.shape[0] != len(x) or 2 * table.shape[1] > heads.head_dim:
            raise InputError(f"angles of {table.shape}: expected ({len(x)}, n_rot / 2, 2)")
