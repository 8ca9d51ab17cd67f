"""The key/value cache: slots, each holding one sequence, grown as sequences grow."""

from __future__ import annotations

from abi.errors import ContextLengthError, InputError
from abi.kernels import KVLayer, NumpyKernels, Span
from abi.model._config import Config

__all__ = ["KVCache"]

_FIRST_CAPACITY = 256


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
    ) -> None:
        if n_slots < 1 or n_ctx < 1:
            raise InputError(f"n_slots and n_ctx must be positive, got {n_slots} and {n_ctx}")
        self.n_ctx, self.lengths = n_ctx, [0] * n_slots
        self._kernels = kernels
        self._capacity = min(n_ctx, _FIRST_CAPACITY)
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
        for layer in self.layers:
            self._kernels.kv_copy(layer, src, dst, self.lengths[src])
        self.lengths[dst] = self.lengths[src]

    def check(self, spans: tuple[Span, ...]) -> None:
        """Raise unless every span fits and continues what its slot holds.

        Raises
        ------
        ContextLengthError
            If a sequence would pass `n_ctx`.
        InputError
            If a slot does not exist, or positions before a span are missing.
        """
        for span in spans:
            if not 0 <= span.slot < len(self.lengths):
                raise InputError(f"slot {span.slot} is not one of {len(self.lengths)}")
            held = self.lengths[span.slot]
            if not 0 <= span.pos <= held:
                raise InputError(f"slot {span.slot} holds {held} positions, got one at {span.pos}")
            end = span.pos + span.stop - span.start
            if end > self.n_ctx:
                raise ContextLengthError(
                    f"{end} tokens do not fit in a context of {self.n_ctx}; "
                    "shorten the text or load the model with a larger n_ctx",
                    n_tokens=end,
                    n_ctx=self.n_ctx,
                )

    def room(self, slot: int, length: int) -> None:
        """Make room for a slot of that length.

        Raises
        ------
        ContextLengthError
            If it is longer than `n_ctx`.
        """
        span = (Span(0, length, slot, 0),)
        self.check(span)
        self.reserve(span)

    def reserve(self, spans: tuple[Span, ...]) -> None:
        """Make room for the spans."""
        need, capacity = max(_ends(spans).values()), self._capacity
        if need <= capacity:
            return
        while capacity < need:
            capacity = min(self.n_ctx, 2 * capacity)
        self.layers = [self._kernels.kv_resize(old, capacity) for old in self.layers]
        self._capacity = capacity

    def commit(self, spans: tuple[Span, ...]) -> None:
        """Count the spans as held."""
        for slot, end in _ends(spans).items():
            self.lengths[slot] = end


def _ends(spans: tuple[Span, ...]) -> dict[int, int]:
    return {span.slot: span.pos + span.stop - span.start for span in spans}
