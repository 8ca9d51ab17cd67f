"""A slot of a cache as a file, so that a long prompt is computed once.

The file is GGUF: under `abi.cache.` the tokens, the types and a fingerprint of the model, and
tensors `blk.N.k` and `blk.N.v` of shape (n_head_kv, T, head_dim) as the cache holds them. Layers
with a window may hold positions from `abi.cache.first` on only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from abi.errors import FormatError, InputError
from abi.gguf import GGUFFile, Source, read, write
from abi.kernels import KVLayer, Weight
from abi.model._adapter import weights_of
from abi.model._cache import KVCache
from abi.model._transformer import Transformer
from abi.quant import TYPES, Tensor

__all__ = ["fingerprint", "load_slot", "save_slot"]

_VERSION = 2


def fingerprint(transformer: Transformer) -> str:
    """Tells models apart: a digest of the configuration and of some of the weights."""
    from hashlib import sha256  # OpenSSL takes 10 ms to load

    digest = sha256(repr(transformer.config).encode())
    kernels = transformer.kernels

    def rows(weight: Weight, ids: Sequence[int]) -> bytes:
        if len(weight.shape) != 2:
            return kernels.to_numpy(weight.data).tobytes()
        return kernels.to_numpy(kernels.take_rows(weight, np.array(ids, np.int64))).tobytes()

    for weight in weights_of(transformer):
        digest.update(weight.name.encode() + rows(weight, [0, weight.shape[0] // 2]))
        for adapter in weight.adapters:
            digest.update(str(adapter.scale).encode())
            for part in (adapter.a, adapter.b):
                digest.update(rows(part, range(part.shape[0])))
    for layer, direction in sorted(transformer.control.items()):
        digest.update(f"{layer}".encode() + kernels.to_numpy(direction).tobytes())
    return digest.hexdigest()


def save_slot(
    target: str | Path | IO[bytes],
    transformer: Transformer,
    cache: KVCache,
    slot: int,
    tokens: Sequence[int],
) -> None:
    """Write what a slot holds.

    Parameters
    ----------
    target : path or binary file
    tokens : sequence of int
        Of the positions that the slot holds.

    Raises
    ------
    InputError
        If the slot does not hold as many positions, or layers with a window too few of them.
    """
    held, first = cache.lengths[slot], cache.first[slot]
    if len(tokens) != held:
        raise InputError(f"slot {slot} holds {held} positions, got {len(tokens)} tokens")
    if cache.resumable(slot, held) < held:
        raise InputError(f"slot {slot}: layers with a window no longer hold what {held} needs")
    metadata: dict[str, Any] = {
        "general.architecture": "abi.cache",
        "abi.cache.tokens": np.asarray(tokens, np.int32),
        "abi.cache.first": first,
        **{f"abi.cache.{key}": value for key, value in _shape(transformer, cache).items()},
    }
    tensors = []
    for i, (layer, near) in enumerate(zip(cache.layers, cache.near, strict=True)):
        n_rows = held - first if near else held
        for name, store, kind in (("k", layer.k, layer.type_k), ("v", layer.v, layer.type_v)):
            rows = transformer.kernels.to_numpy(store)[slot, :, :n_rows]
            stored = TYPES[kind.upper()]
            shape = (*rows.shape[:2], transformer.config.head_dim)
            data = np.ascontiguousarray(rows).view(np.uint8).reshape(-1)
            tensors.append(Tensor(f"blk.{i}.{name}", shape, stored, data))
    write(target, metadata, tensors)


def load_slot(source: Source, transformer: Transformer, cache: KVCache, slot: int) -> list[int]:
    """Fill a slot from a file; the tokens of its positions.

    Raises
    ------
    FormatError
        If the file is broken, no cache, or of another model or types.
    ContextLengthError
        If it holds more positions than the cache can.
    """
    file = read(source)
    arch = file.metadata.get("general.architecture")
    if not isinstance(arch, str) or arch != "abi.cache":
        raise FormatError("this is no saved prompt cache", source=file.source)
    for key, want in _shape(transformer, cache).items():
        got = file.metadata.get(f"abi.cache.{key}")
        if type(got) is not type(want) or got != want:
            raise FormatError(
                f"the cache was saved with {repr(got)[:80]}, this model and its cache have "
                f"{want!r}",
                field=f"abi.cache.{key}",
                source=file.source,
            )
    found = file.metadata.get("abi.cache.tokens")
    tokens = found.tolist() if isinstance(found, np.ndarray) and found.ndim == 1 else []
    if not tokens or not all(type(t) is int and 0 <= t < transformer.n_vocab for t in tokens):
        message = "expected tokens of the vocabulary"
        raise FormatError(message, field="abi.cache.tokens", source=file.source)
    first = _first(file, cache, len(tokens))
    _fill(file, transformer, cache, slot, len(tokens), first)
    return [int(token) for token in tokens]


def _first(file: GGUFFile, cache: KVCache, length: int) -> int:
    """The position from which on layers with a window are there."""
    first = file.metadata.get("abi.cache.first")
    most = max(0, length - cache.window + 1) if cache.window else 0
    if type(first) is int and 0 <= first <= most:
        return first
    message = f"expected a whole number, 0 to {most}, got {repr(first)[:80]}"
    if not cache.window and type(first) is int and first > 0:
        message = "layers with a window were saved in part; load the model without swa_full"
    raise FormatError(message, field="abi.cache.first", source=file.source)


def _shape(transformer: Transformer, cache: KVCache) -> dict[str, Any]:
    """What must agree between who saves and who loads."""
    layer, ropes = cache.layers[0], transformer.config.ropes
    long = bool(ropes) and cache.n_ctx > ropes[0].n_ctx_orig
    return {
        "version": _VERSION,
        "model": fingerprint(transformer),
        "stretch": "long" if long and transformer.stretch.long is not None else "short",
        "type_k": layer.type_k,
        "type_v": layer.type_v,
        "rotate_k": layer.rotate_k,
        "rotate_v": layer.rotate_v,
    }


def _fill(
    file: GGUFFile, transformer: Transformer, cache: KVCache, slot: int, length: int, first: int
) -> None:
    n_rows = [length - first if near else length for near in cache.near]
    parts = [
        _stored(file, transformer, layer, i, n_rows[i]) for i, layer in enumerate(cache.layers)
    ]
    cache.room(slot, length, first)
    for layer, (k, v), n in zip(cache.layers, parts, n_rows, strict=True):
        layer.k[slot, :, :n], layer.v[slot, :, :n] = k, v
    cache.lengths[slot], cache.first[slot] = length, first


def _stored(
    file: GGUFFile, transformer: Transformer, layer: KVLayer, i: int, length: int
) -> tuple[Any, Any]:
    """Arrays of a layer, in the form in which the cache holds them."""
    config, parts = transformer.config, []
    for name, store, kind in (("k", layer.k, layer.type_k), ("v", layer.v, layer.type_v)):
        tensor = file.tensors.get(f"blk.{i}.{name}")
        want = (config.n_head_kv, length, config.head_dim)
        if tensor is None or tensor.shape != want or tensor.type.name != kind.upper():
            got = "none" if tensor is None else f"{tensor.type.name} {tensor.shape}"
            message = f"expected {kind.upper()} {want}, got {got}"
            raise FormatError(message, field=f"blk.{i}.{name}", source=file.source)
        data = np.frombuffer(tensor.data, store.dtype)
        parts.append(data.reshape(*want[:2], store.shape[3]))
    return parts[0], parts[1]
