"""The reference kernels of the key/value cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from abi.kernels._block import ComposedKernels
from abi.kernels._kv import kv_empty, kv_read, kv_write, rotation
from abi.kernels._types import Array, KVLayer, Span

__all__ = ["CacheKernels"]


class CacheKernels(ComposedKernels):
    """Keys and values on NumPy arrays, in the layouts of `_kv`."""

    def kv_new(
        self,
        shape: tuple[int, int, int, int],
        types: tuple[str, str] = ("f32", "f32"),
        *,
        rotate: bool = True,
    ) -> KVLayer:
        """An empty cache of a layer.

        Parameters
        ----------
        shape : (n_slots, n_head_kv, capacity, head_dim)
        types : pair of str
            Of the keys and of the values: "f32", "f16", "q8_0" or "q4_0".
        rotate : bool
            Turn what is quantised by Hadamard matrices, where the heads allow it.

        Raises
        ------
        InputError
            If a type is unknown or does not fit the heads.
        """
        k, v = (kv_empty(*shape, kind) for kind in types)
        if not rotate:
            return KVLayer(k, v, *types)
        sides = [rotation(t, shape[3], widest=w) for t, w in zip(types, (True, False), strict=True)]
        return KVLayer(k, v, *types, *sides)

    def kv_take(self, cache: KVLayer, slot: int, start: int, stop: int) -> tuple[Array, Array]:
        """Keys and values at positions `start:stop` as they went in: `(n, Hk * D)` twice."""
        parts = []
        for store, kind in ((cache.k, cache.type_k), (cache.v, cache.type_v)):
            rows = kv_read(store, slot, start, stop, kind)
            parts.append(rows.transpose(1, 0, 2).reshape(stop - start, -1))
        return parts[0], parts[1]

    def kv_append(self, cache: KVLayer, k: Array, v: Array, spans: Sequence[Span]) -> None:
        """Write `(T, Hk * D)` keys and values at each span's positions."""
        n_head_kv = cache.k.shape[1]
        for span in spans:
            for store, new, kind in ((cache.k, k, cache.type_k), (cache.v, v, cache.type_v)):
                rows = new[span.start : span.stop].reshape(span.stop - span.start, n_head_kv, -1)
                kv_write(store, span.slot, span.pos, rows.transpose(1, 0, 2), kind)

    def kv_copy(self, cache: KVLayer, src: int, dst: int, length: int) -> None:
        """Give slot `dst` the first `length` positions of slot `src`."""
        for store in (cache.k, cache.v):
            store[dst, :, :length] = store[src, :, :length]

    def kv_move(self, cache: KVLayer, slot: int, start: int, n: int) -> None:
        """Move n positions of a slot from `start` to its beginning."""
        for store in (cache.k, cache.v):
            store[slot, :, :n] = store[slot, :, start : start + n].copy()

    def kv_resize(self, cache: KVLayer, capacity: int) -> KVLayer:
        """A cache of another capacity with the positions that fit in both copied."""
        keep = min(cache.k.shape[2], capacity)
        grown = []
        for store in (cache.k, cache.v):
            new = np.zeros((*store.shape[:2], capacity, store.shape[3]), store.dtype)
            new[:, :, :keep] = store[:, :, :keep]
            grown.append(new)
        return replace(cache, k=grown[0], v=grown[1])
