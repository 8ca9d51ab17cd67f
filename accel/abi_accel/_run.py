"""Calls of layers' programs: where their buffers, caches and tables are.

What stays the same from one token of a text to the next is worked out once: after a pass over a
large model's weights nothing of Python is in the caches any more, and each line of it counts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from operator import is_
from typing import Any
from weakref import ref

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import KVLayer, Layer, Profile, Span, Spec, Step
from abi.quant import TYPES
from abi_accel._exports import TABLES, Heads, Layers, Program, SpanStruct
from abi_accel._library import Library
from abi_accel._noted import run_noted
from abi_accel._plan import Plan, layout
from abi_accel._weights import address

__all__ = ["Course"]

F32 = npt.NDArray[np.float32]
Room = Callable[[int], int]

_P, _N = ctypes.c_void_p, ctypes.c_size_t
_HELD = {"f32": np.float32, "f16": np.float16}  # others in blocks, which are bytes


class Course:
    """Layers in turn, ready to run for some number of tokens, again and again.

    Parameters
    ----------
    library : Library
    layers, plans, caches, steps : sequences
        One a layer; the tables of all steps are the first one's.
    n_tokens : int

    Raises
    ------
    InputError
        If a cache does not fit a plan.
    """

    def __init__(
        self,
        library: Library,
        layers: Sequence[Layer],
        plans: Sequence[Plan],
        caches: Sequence[KVLayer],
        steps: Sequence[Step],
        n_tokens: int,
    ) -> None:
        self._library, self._threads = library, library.n_threads  # asked once
        self._made_for = (n_tokens, self._threads, library.isa)
        self._layers, self._plans = list(map(ref, layers)), list(map(ref, plans))
        self._specs = [plan.spec for plan in plans]
        self._stores = [(ref(cache.k), ref(cache.v)) for cache in caches]
        self._width, self._n = plans[0].widths[0], n_tokens
        if any(plan.widths[0] != self._width for plan in plans):
            raise InputError("layers of different widths")
        if any(len(step.spans) != len(steps[0].spans) for step in steps):
            raise InputError("steps of different numbers of spans")
        self._head_dim = min(plan.heads.head_dim for plan in plans)
        turned = [spec.rope for spec in self._specs if spec.rope is not None]
        self._n_tables = 1 + max(turned, default=-1)
        self._pattern = _pattern(steps)
        self._limits = _limits(self._pattern, caches)
        self._spans = [(SpanStruct * len(steps[0].spans))() for _ in self._limits]
        self._columns = self._addresses(plans, caches)
        self._all = Layers(*map(ctypes.addressof, self._columns), len(plans))
        self._need = layout(library, self._threads, plans, n_tokens)
        self._program = Program(n_tokens=n_tokens, n_spans=len(steps[0].spans))
        self._base = 0

    def fits(
        self,
        layers: Sequence[Layer],
        specs: Sequence[Spec],
        caches: Sequence[KVLayer],
        steps: Sequence[Step],
        n_tokens: int,
    ) -> bool:
        """Whether it is for these."""
        library = self._library
        return (
            self._made_for == (n_tokens, library.n_threads, library.isa)
            and len(layers) == len(specs) == len(caches) == len(steps) == len(self._layers)
            and _same(layers, (known() for known in self._layers))
            and _same(specs, self._specs)
            and _same((cache.k for cache in caches), (k() for k, _ in self._stores))
            and _same((cache.v for cache in caches), (v() for _, v in self._stores))
            and len(steps[0].spans) == self._program.n_spans
            and _pattern(steps) == self._pattern
            and all(plan() is not None for plan in self._plans)
        )

    def run(self, x: F32, steps: Sequence[Step], room: Room) -> F32:
        """`(T, n_embd)` to the same.

        Parameters
        ----------
        x : (T, n_embd) float32
        steps : sequence of Step
        room : callable
            Gives the address of as many bytes as it is asked for.

        Raises
        ------
        InputError
            If the activations, the spans or the tables do not fit.
        """
        made = self._given(x, steps, room)
        plans = [known() for known in self._plans]  # they stay while they are run
        program, layers = ctypes.byref(self._program), ctypes.byref(self._all)
        self._library.layers(program, layers, self._threads)
        del plans
        return made

    def run_noted(
        self, x: F32, steps: Sequence[Step], room: Room, caches: Sequence[KVLayer], profile: Profile
    ) -> F32:
        """The same; each operation notes what it takes."""
        made = self._given(x, steps, room)
        plans = [plan for plan in (known() for known in self._plans) if plan is not None]
        spans = [step.spans for step in steps]
        run_noted(
            self._library, self._threads, self._program, self._all, plans, caches, spans, profile
        )
        return made

    def _given(self, x: F32, steps: Sequence[Step], room: Room) -> F32:
        """All that a call is given, and where its result will be."""
        if x.shape != (self._n, self._width):
            raise InputError(f"activations of {x.shape}: expected ({self._n}, {self._width})")
        for group, spans in enumerate(self._spans):
            step = steps[self._pattern.index(group)]
            for span, struct in zip(step.spans, spans, strict=True):
                _check_span(span, self._n, *self._limits[group])
                struct.start, struct.stop = span.start, span.stop
                struct.slot, struct.pos = span.slot, span.pos
        program, need = self._program, self._need
        self._turn(steps[0].cis)
        out, other = np.empty(x.shape, np.float32), np.empty(x.shape, np.float32)
        given = np.ascontiguousarray(x, np.float32)
        if len(self._plans) > 1:  # the second layer writes where the first read
            other[...] = given
            given = other
        own = self._threads * need.own
        scratch = room(need.rounding + own + need.total)
        if scratch != self._base:
            self._base = program.scratch = scratch
            program.own, program.own_size = need.rounding, need.own
            base = scratch + need.rounding + own
            for i, start in enumerate(need.starts):
                program.buffers[2 + i] = base + start
        program.buffers[0], program.buffers[1] = address(given), address(out)
        self._held = given, out  # until they were read and written
        return out if len(self._plans) % 2 else other

    def _turn(self, tables: Sequence[Any]) -> None:
        if len(tables) < self._n_tables or len(tables) > TABLES:
            raise InputError(f"{len(tables)} tables of angles, and a layer is turned by another")
        program = self._program
        for i, table in enumerate(tables):
            pairs = table.shape[1] if table.ndim == 3 else 0
            if table.shape != (self._n, pairs, 2) or 2 * pairs > self._head_dim:
                raise InputError(f"angles of {table.shape}: expected ({self._n}, n_rot / 2, 2)")
            if table.dtype != np.float32 or not table.flags.c_contiguous:
                raise InputError("angles that are not float32, or not contiguous")
            program.cis[i], program.n_rot[i] = address(table), 2 * pairs

    def _addresses(self, plans: Sequence[Plan], caches: Sequence[KVLayer]) -> list[Any]:
        """Arrays of one entry a layer."""
        n = len(plans)
        pointers, sizes = _P * n, _N * n
        pairs = zip(plans, caches, strict=True)
        self._heads = heads = [_bound(plan, cache) for plan, cache in pairs]
        return [
            pointers(*[ctypes.addressof(plan.ops) for plan in plans]),
            sizes(*[len(plan.ops) for plan in plans]),
            pointers(*map(ctypes.addressof, heads)),
            pointers(*[ctypes.addressof(self._spans[group]) for group in self._pattern]),
        ]


def _same(these: Iterable[Any], those: Iterable[Any]) -> bool:
    return all(map(is_, these, those))


def _pattern(steps: Sequence[Step]) -> list[int]:
    """Which layers share a step: mostly all."""
    if len({id(step) for step in steps}) == 1:
        return [0] * len(steps)
    known: dict[int, int] = {}
    return [known.setdefault(id(step.spans), len(known)) for step in steps]


def _limits(pattern: Sequence[int], caches: Sequence[KVLayer]) -> list[tuple[int, int]]:
    """Slots and positions that the caches of each group have."""
    shapes: dict[int, list[Any]] = {}
    for group, cache in zip(pattern, caches, strict=True):
        shapes.setdefault(group, []).append(cache.k.shape)
    return [
        (min(shape[0] for shape in found), min(shape[2] for shape in found))
        for _, found in sorted(shapes.items())
    ]


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


def _check_span(span: Span, n_tokens: int, slots: int, capacity: int) -> None:
    if not 0 <= span.start <= span.stop <= n_tokens or not 0 <= span.slot < slots:
        raise InputError(f"{span} is not of {n_tokens} tokens and {slots} slots")
    if span.pos < 0 or span.pos + span.stop - span.start > capacity:
        raise InputError(f"{span} leaves the cache of {capacity} positions")
