"""What the library exports: each function's arguments and result.

Apart from the library's loading, because the build reads it where abi is not installed.
"""

from __future__ import annotations

import ctypes
from typing import Any

__all__ = ["EXPORTS", "Matmul"]

_P, _N, _I = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

EXPORTS: dict[str, tuple[list[Any], Any]] = {
    "abi_isa_count": ([], _I),
    "abi_isa_name": ([_I], ctypes.c_char_p),
    "abi_isa_choose": ([_I], None),
    "abi_packed_size": ([_I, _N, _N], _N),
    "abi_pack": ([_I, _P, _N, _N, _P], None),
    "abi_scratch_size": ([_I, _N, _N, _N], _N),
    "abi_matmul": ([_P, _N], None),
    "abi_forked": ([], None),
}


class Matmul(ctypes.Structure):
    """`struct matmul` of abi.h."""

    _fields_ = (
        ("w", _P),
        ("x", _P),
        ("out", _P),
        ("scratch", _P),
        ("n", _N),
        ("k", _N),
        ("n_tokens", _N),
        ("ld_out", _N),
        ("type", ctypes.c_int32),
    )
