"""What the library exports: each function's arguments and result.

Apart from the library's loading, because the build reads it where abi is not installed.
"""

from __future__ import annotations

import ctypes
from typing import Any

__all__ = [
    "BUFFERS",
    "EXPORTS",
    "TABLES",
    "Heads",
    "Layers",
    "Matmul",
    "Op",
    "Program",
    "SpanStruct",
]

BUFFERS, TABLES = 12, 2

_P, _N, _I = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

EXPORTS: dict[str, tuple[list[Any], Any]] = {
    "abi_isa_count": ([], _I),
    "abi_isa_name": ([_I], ctypes.c_char_p),
    "abi_isa_choose": ([_I], None),
    "abi_packed_size": ([_I, _N, _N], _N),
    "abi_pack": ([_I, _P, _N, _N, _P, _N], None),
    "abi_scratch_size": ([_I, _N, _N, _N], _N),
    "abi_matmul": ([_P, _N], None),
    "abi_piece_size": ([], _N),
    "abi_layers": ([_P, _P, _N], None),
    "abi_walk_own": ([_P], _N),
    "abi_walk": ([_P, _N], None),
    "abi_neighbours_own": ([_P], _N),
    "abi_neighbours": ([_P, _N], None),
    "abi_scan_sizes": ([_P], None),
    "abi_scan": ([_P, _N], None),
    "abi_probe_own": ([_P], _N),
    "abi_probe": ([_P, _N], None),
    "abi_pairs": ([_P, _N], None),
    "abi_rescore": ([_P, _N], None),
    "abi_differing": ([_P, _N], None),
    "abi_nearest": ([_P, _N], None),
    "abi_sums": ([_P, _N], None),
    "abi_codes_size": ([_N, _N], _N),
    "abi_pack_codes": ([_P, _N, _N, _P], None),
    "abi_forked": ([], None),
    "abi_bind": ([_P], None),
}


class Matmul(ctypes.Structure):
    """`struct matmul` of abi.h."""

    _fields_ = (
        ("w", _P),
        ("x", _P),
        ("out", _P),
        ("scratch", _P),
        ("bias", _P),
        ("n", _N),
        ("k", _N),
        ("n_tokens", _N),
        ("ld_out", _N),
        ("type", ctypes.c_int32),
    )


class Op(ctypes.Structure):
    """`struct op` of program.h."""

    _fields_ = (
        ("w", _P),
        ("bias", _P),
        ("n", _N),
        ("k", _N),
        ("f", ctypes.c_float),
        ("kind", ctypes.c_int32),
        ("type", ctypes.c_int32),
        ("a", ctypes.c_int32),
        ("b", ctypes.c_int32),
        ("out", ctypes.c_int32),
        ("flag", ctypes.c_int32),
        ("meet", ctypes.c_int32),
    )


class SpanStruct(ctypes.Structure):
    """`struct span` of program.h."""

    _fields_ = (("start", _N), ("stop", _N), ("slot", _N), ("pos", _N))


class Heads(ctypes.Structure):
    """`struct heads` of program.h."""

    _fields_ = (
        ("k", _P),
        ("v", _P),
        ("sinks", _P),
        ("n_head", _N),
        ("n_head_kv", _N),
        ("head_dim", _N),
        ("capacity", _N),
        ("window", _N),
        ("scale", ctypes.c_float),
        ("softcap", ctypes.c_float),
        ("type_k", ctypes.c_int32),
        ("type_v", ctypes.c_int32),
        ("causal", ctypes.c_int32),
    )


class Program(ctypes.Structure):
    """`struct program` of program.h."""

    _fields_ = (
        ("ops", _P),
        ("n_ops", _N),
        ("n_tokens", _N),
        ("n_spans", _N),
        ("buffers", _P * BUFFERS),
        ("spans", _P),
        ("heads", _P),
        ("cis", _P * TABLES),
        ("n_rot", _N * TABLES),
        ("scratch", _P),
        ("own", _N),
        ("own_size", _N),
    )


class Layers(ctypes.Structure):
    """`struct layers` of program.h."""

    _fields_ = (
        ("ops", _P),
        ("n_ops", _P),
        ("heads", _P),
        ("spans", _P),
        ("n_layers", _N),
    )
