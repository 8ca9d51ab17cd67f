"""Calls of layers' programs: where their buffers, caches and tables are."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import KVLayer, Profile, Span, Step
from abi.quant import TYPES
from abi_accel._exports import BUFFERS, TABLES, Heads, Layers, Program, SpanStruct
from abi_accel._library import Library
from abi_accel._noted import run_noted
from abi_accel._plan import Plan, layout
from abi_accel._weights import address

__all__ = ["run"]

F32 = npt.NDArray[np.float32]
Room = Callable[[int], int]

_P, _N = ctypes.c_void_p, ctypes.c_size_t
_HELD = {"f32": np.float32, "f16": np.float16}  # others in blocks, which are bytes


def run(
    library: Library,
    plans: Sequence[Plan],
    x: F32,
    caches: Sequence[KVLayer],
    steps: Sequence[Step],
    room: Room,
    profile: Profile | None = None,
) -> F32:
    """Layers in turn, `(T, n_embd)` to the same.

    Parameters
    ----------
    library : Library
    plans, caches, steps : sequences
        One a layer; the tables of all steps are the first one's.
    x : (T, n_embd) float32
    room : callable
        Gives the address of as many bytes as it is asked for.
    profile : Profile, optional
        Where each operation notes what it takes.

    Raises
    ------
    InputError
        If a cache, the spans or the tables do not fit a plan.
    """
    cis = [np.ascontiguousarray(table, np.float32) for table in steps[0].cis]
    _check(plans, x, caches, steps, cis)
    out, other = np.empty(x.shape, np.float32), np.empty(x.shape, np.float32)
    given = np.ascontiguousarray(x, np.float32)
    if len(plans) > 1:  # the second layer writes where the first read
        other[...] = given
        given = other
    threads = library.n_threads  # asked once: what is laid out for them must suffice
    program = _program(library, threads, plans, (given, out), cis, room)
    heads = [_bound(plan, cache) for plan, cache in zip(plans, caches, strict=True)]
    made: dict[int, Any] = {}
    for step in steps:  # mostly those of one object
        if id(step.spans) not in made:
            made[id(step.spans)] = _spans(step.spans)
    program.n_spans = len(steps[0].spans)
    columns = _columns(plans, heads, [made[id(step.spans)] for step in steps])
    layers = Layers(*map(ctypes.addressof, columns), len(plans))
    if profile is None:
        library.layers(ctypes.byref(program), ctypes.byref(layers), threads)
    else:
        spans = [step.spans for step in steps]
        run_noted(library, threads, program, layers, plans, caches, spans, profile)
    return out if len(plans) % 2 else other


def _columns(plans: Sequence[Plan], heads: Sequence[Heads], spans: Sequence[Any]) -> list[Any]:
    """Arrays of one entry a layer."""
    n = len(plans)
    pointers, sizes = _P * n, _N * n
    return [
        pointers(*[ctypes.addressof(plan.ops) for plan in plans]),
        sizes(*[len(plan.ops) for plan in plans]),
        pointers(*map(ctypes.addressof, heads)),
        pointers(*map(ctypes.addressof, spans)),
    ]


def _program(
    library: Library,
    threads: int,
    plans: Sequence[Plan],
    outer: tuple[F32, F32],
    cis: list[F32],
    room: Room,
) -> Program:
    """What all layers share: memory for the widest of each buffer, and the tables."""
    n = len(outer[0])
    need = layout(library, threads, plans, n)
    own = threads * need.own
    scratch = room(need.rounding + own + need.total)
    base = scratch + need.rounding + own
    buffers = [*map(address, outer), *(base + start for start in need.starts)]
    buffers += [0] * (BUFFERS - len(buffers))
    rest = TABLES - len(cis)
    return Program(
        n_tokens=n,
        buffers=tuple(buffers),
        cis=tuple([*map(address, cis)] + [0] * rest),
        n_rot=tuple([2 * table.shape[1] for table in cis] + [0] * rest),
        scratch=scratch,
        own=need.rounding,
        own_size=need.own,
    )


def _spans(spans: Sequence[Span]) -> Any:
    made = [SpanStruct(span.start, span.stop, span.slot, span.pos) for span in spans]
    return (SpanStruct * len(made))(*made)


def _bound(plan: Plan, cache: KVLayer) -> Heads:
    """The numbers of a layer with its cache; kept as long as the cache is the same."""
    if plan.bound is not None:
        k, v, known = plan.bound
        if k() is cache.k and v() is cache.v:
            return known
    heads = Heads.from_buffer_copy(plan.heads)
    places = (cache.k.shape[0], heads.n_head_kv, cache.k.shape[2])
    for store, kind in ((cache.k, cache.type_k), (cache.v, cache.type_v)):
        dtype = _HELD.get(kind, np.uint8)
        n = TYPES[kind.upper()].n_bytes(heads.head_dim) // np.dtype(dtype).itemsize
        shape = (*places, n)
        if store.shape != shape or not store.flags.c_contiguous:
            raise InputError(f"a cache of shape {store.shape}: expected {shape}, contiguous")
        if store.dtype != dtype:
            raise InputError(f"a cache of {store.dtype}: expected {dtype.__name__}")
    heads.k, heads.v, heads.capacity = address(cache.k), address(cache.v), places[2]
    plan.bound = (ref(cache.k), ref(cache.v), heads)
    return heads


def _check(
    plans: Sequence[Plan],
    x: F32,
    caches: Sequence[KVLayer],
    steps: Sequence[Step],
    cis: Sequence[F32],
) -> None:
    width, head_dim = plans[0].widths[0], min(plan.heads.head_dim for plan in plans)
    if x.ndim != 2 or x.shape[1] != width or any(plan.widths[0] != width for plan in plans):
        raise InputError(f"activations of {x.shape}: expected (T, {width})")
    if any((plan.spec.rope or 0) >= len(cis) for plan in plans if plan.spec.rope is not None):
        raise InputError(f"{len(cis)} tables of angles, and a layer is turned by another")
    for table in cis:
        pairs = table.shape[1] if table.ndim == 3 else 0
        if table.shape != (len(x), pairs, 2) or 2 * pairs > head_dim:
            raise InputError(f"angles of {table.shape}: expected ({len(x)}, n_rot / 2, 2)")
    seen: set[tuple[int, int, int]] = set()
    for cache, step in zip(caches, steps, strict=True):
        slots, _, capacity, _ = cache.k.shape
        if (key := (id(step.spans), slots, capacity)) in seen:
            continue
        seen.add(key)
        if len(step.spans) != len(steps[0].spans):
            raise InputError("steps of different numbers of spans")
        for span in step.spans:
            _check_span(span, len(x), slots, capacity)


def _check_span(span: Span, n_tokens: int, slots: int, capacity: int) -> None:
    if not 0 <= span.start <= span.stop <= n_tokens or not 0 <= span.slot < slots:
        raise InputError(f"{span} is not of {n_tokens} tokens and {slots} slots")
    if span.pos < 0 or span.pos + span.stop - span.start > capacity:
        raise InputError(f"{span} leaves the cache of {capacity} positions")
