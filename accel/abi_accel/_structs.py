"""What the kernels of search are given: the structures of search.h."""

from __future__ import annotations

import ctypes

__all__ = [
    "Choice", "Codes", "Differing", "GraphStruct", "Nearest", "Pairs", "Probe", "Rescore", "Scan",
    "SpaceStruct", "Sums", "Walk",
]  # fmt: skip

_P, _N = ctypes.c_void_p, ctypes.c_size_t


class SpaceStruct(ctypes.Structure):
    """`struct space` of search.h."""

    _fields_ = (
        ("rows", _P),
        ("norms", _P),
        ("constants", _P),
        ("n", _N),
        ("dim", _N),
        ("stride", _N),
        ("measure", ctypes.c_int32),
        ("type", ctypes.c_int32),
    )


class GraphStruct(ctypes.Structure):
    """`struct graph` of search.h."""

    _fields_ = (
        ("levels", _P),
        ("links", _P),
        ("upper", _P),
        ("upper_start", _P),
        ("n", _N),
        ("n_upper", _N),
        ("width", _N),
        ("entry", ctypes.c_int64),
    )


class Walk(ctypes.Structure):
    """`struct walk` of search.h."""

    _fields_ = (
        ("graph", _P),
        ("space", _P),
        ("queries", _P),
        ("n_queries", _N),
        ("k", _N),
        ("ef", _N),
        ("layer", _N),
        ("budget", _N),
        ("allow", _P),
        ("seeds", _P),
        ("n_seeds", _N),
        ("block", _P),
        ("rows", _P),
        ("scores", _P),
        ("compared", _P),
        ("scratch", _P),
        ("own", _N),
        ("marks", _P),
        ("marked", _N),
    )


class Choice(ctypes.Structure):
    """`struct choice` of search.h."""

    _fields_ = (
        ("space", _P),
        ("points", _P),
        ("candidates", _P),
        ("n", _N),
        ("width", _N),
        ("limit", _N),
        ("out", _P),
        ("scratch", _P),
        ("own", _N),
    )


class Scan(ctypes.Structure):
    """`struct scan` of search.h."""

    _fields_ = (
        ("space", _P),
        ("queries", _P),
        ("n_queries", _N),
        ("k", _N),
        ("m", _N),
        ("allow", _P),
        ("below", _P),
        ("origin", _P),
        ("rows", _P),
        ("scores", _P),
        ("scratch", _P),
        ("shared", _N),
        ("own", _N),
        ("rough", ctypes.c_int32),
    )


class Codes(ctypes.Structure):
    """`struct codes` of search.h."""

    _fields_ = (
        ("packed", _P),
        ("words", _P),
        ("constants", _P),
        ("n", _N),
        ("m", _N),
        ("width", _N),
        ("times", ctypes.c_float),
        ("bits", ctypes.c_int32),
    )


class Probe(ctypes.Structure):
    """`struct probe` of search.h."""

    _fields_ = (
        ("space", _P),
        ("codes", _P),
        ("queries", _P),
        ("ranked", _P),
        ("asked", _P),
        ("centroids", _P),
        ("lengths", _P),
        ("dim", _N),
        ("offsets", _P),
        ("sizes", _P),
        ("order", _P),
        ("allow", _P),
        ("n_queries", _N),
        ("n_parts", _N),
        ("nprobe", _N),
        ("k", _N),
        ("most", ctypes.c_int64),
        ("rows", _P),
        ("scores", _P),
        ("compared", _P),
        ("scratch", _P),
        ("own", _N),
    )


class Pairs(ctypes.Structure):
    """`struct pairs` of search.h."""

    _fields_ = (
        ("space", _P),
        ("queries", _P),
        ("which", _P),
        ("rows", _P),
        ("scores", _P),
        ("n", _N),
    )


class Differing(ctypes.Structure):
    """`struct differing` of search.h."""

    _fields_ = (
        ("queries", _P),
        ("codes", _P),
        ("out", _P),
        ("n_queries", _N),
        ("n", _N),
        ("words", _N),
    )


class Nearest(ctypes.Structure):
    """`struct nearest` of search.h."""

    _fields_ = (
        ("rows", _P),
        ("centroids", _P),
        ("offsets", _P),
        ("labels", _P),
        ("n", _N),
        ("dim", _N),
        ("n_centroids", _N),
    )


class Sums(ctypes.Structure):
    """`struct sums` of search.h."""

    _fields_ = (
        ("rows", _P),
        ("order", _P),
        ("starts", _P),
        ("out", _P),
        ("n", _N),
        ("n_groups", _N),
        ("dim", _N),
    )


class Rescore(ctypes.Structure):
    """`struct rescore` of search.h."""

    _fields_ = (
        ("space", _P),
        ("queries", _P),
        ("given", _P),
        ("n_queries", _N),
        ("width", _N),
        ("k", _N),
        ("rows", _P),
        ("scores", _P),
        ("scratch", _P),
        ("own", _N),
    )
