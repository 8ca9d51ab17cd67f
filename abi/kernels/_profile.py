"""Where the time of a model goes: calls, seconds and bytes of each kernel, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from abi.kernels._numpy import NumpyKernels
from abi.kernels._types import KVLayer, Span, Weight
from abi.quant import Tensor

__all__ = ["Profile", "Spent", "cached_bytes", "read_bandwidth", "watched"]

_NOTED = (
    "take_rows", "matmul", "rms_norm", "layer_norm", "rope", "hadamard", "attention", "act", "glu",
    "add", "scale", "softcap", "kv_append",
)  # fmt: skip
_ROWS, _COLUMNS, _READS = 1 << 14, 1 << 12, 5  # of a matrix of 256 MiB, and how often it is read


@dataclass
class Spent:
    """What a kernel took.

    Parameters
    ----------
    calls : int
    seconds : float
    n_bytes : int
        Of weights, cache and activations that went in and out.
    """

    calls: int = 0
    seconds: float = 0.0
    n_bytes: int = 0


class Profile(dict[str, Spent]):
    """What each kernel took, by its name."""

    def note(self, name: str, seconds: float, n_bytes: int) -> None:
        """Add a call."""
        spent = self.setdefault(name, Spent())
        spent.calls += 1
        spent.seconds += seconds
        spent.n_bytes += n_bytes


def watched(kernels: NumpyKernels) -> tuple[NumpyKernels, Profile]:
    """The same kernels, which note what they take; a model that was loaded runs with them.

    A kernel that calls another is noted alone. Whole layers of one call are taken apart.
    """
    kind = type(kernels)
    noting = {name: _noting(name, getattr(kind, name)) for name in _NOTED}
    made: NumpyKernels = object.__new__(type(kind.__name__, (kind,), noting))
    made.__dict__.update(kernels.__dict__)
    made.profile = Profile()
    return made, made.profile


def cached_bytes(cache: KVLayer, spans: Sequence[Span]) -> int:
    """Of keys and values that the spans' tokens see, if all before them are."""
    slots, _, capacity, _ = cache.k.shape
    seen = sum(span.pos + span.stop - span.start for span in spans)
    return int((cache.k.nbytes + cache.v.nbytes) // (slots * capacity) * seen)


def read_bandwidth(kernels: NumpyKernels) -> float:
    """Bytes a second of a product of one vector with 256 MiB of float32: the best of some."""
    zeros = np.zeros((_ROWS, _COLUMNS), np.float32) + np.float32(1)  # pages of its own
    weight = kernels.pack(Tensor.from_array("w", zeros))
    x = kernels.asarray(np.ones((1, _COLUMNS), np.float32))
    seconds = []
    for _ in range(_READS):
        start = perf_counter()
        kernels.to_numpy(kernels.matmul(x, weight))
        seconds.append(perf_counter() - start)
    return float(zeros.nbytes / min(seconds))


def _noting(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    def noted(self: Any, *given: Any, **named: Any) -> Any:
        profile, self.profile = self.profile, None  # what it calls is a part of it
        start = perf_counter()
        try:
            found = kernel(self, *given, **named)
        finally:
            self.profile = profile
        if profile is not None:
            profile.note(name, perf_counter() - start, _bytes(name, given, found))
        return found

    return noted


def _bytes(name: str, given: Sequence[Any], found: Any) -> int:
    made = int(getattr(found, "nbytes", 0))
    if name == "take_rows":
        return 2 * made
    if name == "attention":
        made += cached_bytes(given[1], given[2])
    arrays = sum(int(each.nbytes) for each in given if isinstance(each, np.ndarray))
    return made + arrays + sum(each.n_bytes for each in given if isinstance(each, Weight))
