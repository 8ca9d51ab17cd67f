"""Words of product quantisation: learning them, coding by them, a rotation that suits them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.index._kmeans import assign, kmeans
from abi.kernels import NumpyKernels

__all__ = ["decoded", "encoded", "learnt", "rotated"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_ROUNDS = 8  # of words and rotation, by turns
_SAMPLE = 64  # rows a word that a rotation is learnt from


def learnt(rows: F32, m: int, nbits: int, seed: int, kernels: NumpyKernels) -> F32:
    """Words of each of m parts of rows: `(m, 2 ** nbits, dim / m)`."""
    parts = [np.ascontiguousarray(part) for part in np.split(rows, m, axis=1)]
    return np.stack([kmeans(p, 1 << nbits, "l2", seed=seed, kernels=kernels) for p in parts])


def encoded(rows: F32, words: F32, kernels: NumpyKernels) -> U8:
    """The nearest word of each part of rows: `(n, m)`."""
    parts = np.split(rows, len(words), axis=1)
    codes = [assign(part, some, "l2", kernels) for part, some in zip(parts, words, strict=True)]
    return np.stack(codes, axis=1).astype(np.uint8)


def decoded(codes: U8, words: F32) -> F32:
    """What codes stand for: `(n, dim)`."""
    m, ksub, width = words.shape
    rows = words.reshape(m * ksub, width)
    found: F32 = rows.take(codes + np.arange(0, m * ksub, ksub), axis=0)  # (n, m, dim / m)
    return found.reshape(len(codes), m * width)


def rotated(sample: F32, m: int, nbits: int, seed: int, kernels: NumpyKernels) -> F32:
    """The rotation after which m parts lose least: `(dim, dim)`, rows times it.

    OPQ: it starts from principal axes, dealt out so that all parts have about the same share of
    the variance, and goes on by turns with the words, each time the best for what they give.
    """
    some = sample[: _SAMPLE << nbits]
    rotation = _dealt(some, m)
    for turn in range(_ROUNDS):
        turned = np.ascontiguousarray(some @ rotation)
        words = learnt(turned, m, nbits, seed + turn, kernels)
        back = decoded(encoded(turned, words, kernels), words)
        left, _, right = np.linalg.svd(some.T.astype(np.float64) @ back)
        rotation = np.asarray(left @ right, np.float32)
    return rotation


def _dealt(sample: F32, m: int) -> F32:
    """Principal axes, the largest first to the part whose variances have the least product."""
    centred = sample - sample.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    room = len(variances) // m
    parts: list[list[int]] = [[] for _ in range(m)]
    products = np.zeros(m)
    for axis in np.argsort(-variances).tolist():
        open_ = [i for i in range(m) if len(parts[i]) < room]
        part = min(open_, key=lambda i: (products[i], i))
        parts[part].append(axis)
        products[part] += np.log(max(float(variances[axis]), 1e-12))
    return np.asarray(axes[:, [axis for part in parts for axis in part]], np.float32)
