"""The key/value cache: slots, each holding one sequence, grown as sequences grow.

Layers with a sliding window need the last positions only. They may let go of the others: then
they hold a slot from some position `first` on, in rows counted from there. Their kernels are
given spans moved likewise, because masks and biases depend on distances alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from abi.errors import ContextLengthError, InputError
from abi.kernels import KVLayer, NumpyKernels, Span
from abi.model._config import Config

__all__ = ["KVCache"]

_FIRST_CAPACITY = 256
_SLACK = 1024  # positions before the window that are held as well, half of them at least


class KVCache:
    """Keys and values of all layers for `n_slots` sequences.

    Memory follows use: capacity starts small and doubles up to `n_ctx`.

    Attributes
    ----------
    layers : list of KVLayer
    lengths : list of int
        Positions that each slot holds.
    n_ctx : int
        Positions that a slot can hold.
    window : int
        The widest window of the layers that hold no more than they need; 0 if there are none.
    near : list of bool
        Which layers those are.
    first : list of int
        The position of each slot from which on those layers hold it.
    """

    def __init__(
        self,
        config: Config,
        kernels: NumpyKernels,
        n_slots: int,
        n_ctx: int,
        types: tuple[str, str] = ("f32", "f32"),
        *,
        rotate: bool = True,
        windows: Sequence[int] = (),
    ) -> None:
        if n_slots < 1 or n_ctx < 1:
            raise InputError(f"n_slots and n_ctx must be positive, got {n_slots} and {n_ctx}")
        self.n_ctx, self.lengths = n_ctx, [0] * n_slots
        self._kernels = kernels
        widest = max(windows, default=0)
        self.window = widest if 0 < widest < n_ctx - _SLACK else 0
        self.near = [self.window > 0 and w > 0 for w in windows or [0] * config.n_layer]
        self.first = [0] * n_slots
        self._capacity = self._near_capacity = min(n_ctx, _FIRST_CAPACITY)
        shape = (n_slots, config.n_head_kv, self._capacity, config.head_dim)
        self.layers: list[KVLayer] = [
            kernels.kv_new(shape, types, rotate=rotate) for _ in range(config.n_layer)
        ]

    def truncate(self, slot: int, length: int) -> None:
        """Forget what a slot holds from position `length` on.

        Raises
        ------
        InputError
            If there is no such slot, or the length is negative.
        """
        if not 0 <= slot < len(self.lengths) or length < 0:
            raise InputError(f"no slot {slot} of {len(self.lengths)}, or length {length} below 0")
        self.lengths[slot] = min(self.lengths[slot], length)

    def resumable(self, slot: int, length: int) -> int:
        """How much of the first `length` positions of a slot can be gone on from.

        All of it, or nothing: where layers have let go of what its end still sees.
        """
        return length if self.first[slot] <= max(0, length - self.window + 1) else 0

    def copy(self, src: int, dst: int) -> None:
        """Let slot `dst` hold what slot `src` holds.

        Raises
        ------
        InputError
            If there is no such slot.
        """
        for slot in (src, dst):
            if not 0 <= slot < len(self.lengths):
                raise InputError(f"slot {slot} is not one of {len(self.lengths)}")
        held, first = self.lengths[src], self.first[src]
        for layer, near in zip(self.layers, self.near, strict=True):
            self._kernels.kv_copy(layer, src, dst, max(0, held - first) if near else held)
        self.lengths[dst], self.first[dst] = held, first

    def check(self, spans: tuple[Span, ...]) -> None:
        """Raise unless every span fits and continues what its slot holds.

        Raises
        ------
        ContextLengthError
            If a sequence would pass `n_ctx`.
        InputError
            If a slot does not exist, or positions before a span are missing or no longer held.
        """
        for span in spans:
            if not 0 <= span.slot < len(self.lengths):
                raise InputError(f"slot {span.slot} is not one of {len(self.lengths)}")
            held = self.lengths[span.slot]
            if not 0 <= span.pos <= held:
                raise InputError(f"slot {span.slot} holds {held} positions, got one at {span.pos}")
            if self.resumable(span.slot, span.pos) < span.pos:
                raise InputError(
                    f"slot {span.slot}: layers with a window of {self.window} hold what is after "
                    f"position {self.first[span.slot]}, too little to go back to {span.pos}; "
                    "make the cache with swa_full=True"
                )
            end = span.pos + span.stop - span.start
            if end > self.n_ctx:
                raise ContextLengthError(
                    f"{end} tokens do not fit in a context of {self.n_ctx}; "
                    "shorten the text or load the model with a larger n_ctx",
                    n_tokens=end,
                    n_ctx=self.n_ctx,
                )

    def room(self, slot: int, length: int, first: int = 0) -> None:
        """Make room for a slot of that length, of which layers with a window hold a part.

        Raises
        ------
        ContextLengthError
            If it is longer than `n_ctx`.
        """
        self.check((Span(0, length, slot, 0),))
        self._grow(length, length - first)

    def reserve(self, spans: tuple[Span, ...]) -> None:
        """Make room for the spans."""
        ranges = _ranges(spans)
        if self.window:
            for slot, (low, high) in ranges.items():
                self._slide(slot, low, high)
        need = max(high for _, high in ranges.values())
        self._grow(need, max(high - self.first[slot] for slot, (_, high) in ranges.items()))

    def near_spans(self, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        """The spans as layers that hold a part count their rows."""
        return tuple(replace(span, pos=span.pos - self.first[span.slot]) for span in spans)

    def commit(self, spans: tuple[Span, ...]) -> None:
        """Count the spans as held."""
        for slot, (_, high) in _ranges(spans).items():
            self.lengths[slot] = high

    def _slide(self, slot: int, low: int, high: int) -> None:
        """Let go of what positions from `low` on do not see, if `high` would need more room."""
        first = self.first[slot] = self.first[slot] if low else 0
        room = max(self._near_capacity, self.window + _SLACK)
        if high - first <= room:
            return
        seen = low - self.window + 1
        keep = max(first, seen - _SLACK // 2)
        if high - keep > room:
            keep = max(first, seen)
        if keep == first:
            return
        self.lengths[slot] = 0  # should this be interrupted, nothing of it is trusted
        for layer, near in zip(self.layers, self.near, strict=True):
            if near:
                self._kernels.kv_move(layer, slot, keep - first, low - keep)
        self.first[slot], self.lengths[slot] = keep, low

    def _grow(self, need: int, near_need: int) -> None:
        capacity = _doubled(self._capacity, need, self.n_ctx)
        most = max(near_need, self.window + _SLACK) if self.window else self.n_ctx
        near_capacity = _doubled(self._near_capacity, near_need, most)
        layers = []
        for layer, near in zip(self.layers, self.near, strict=True):
            new, old = (near_capacity, self._near_capacity) if near else (capacity, self._capacity)
            layers.append(layer if new == old else self._kernels.kv_resize(layer, new))
        self.layers, self._capacity, self._near_capacity = layers, capacity, near_capacity


def _ranges(spans: tuple[Span, ...]) -> dict[int, tuple[int, int]]:
    """By slot, the first position and the one after the last."""
    found: dict[int, tuple[int, int]] = {}
    for span in spans:
        low, _ = found.get(span.slot, (span.pos, 0))
        found[span.slot] = (low, span.pos + span.stop - span.start)
    return found


def _doubled(capacity: int, need: int, most: int) -> int:
    while capacity < need:
        capacity = min(most, 2 * capacity)
    return capacity
