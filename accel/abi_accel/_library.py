"""The library of kernels: found, loaded, its instruction set chosen, its threads counted.

It is found beside this module, or where `ABI_NATIVE_LIBRARY` says. `ABI_NATIVE_ISA` forces one of
the instruction sets that this machine has, `ABI_THREADS` the number of threads, `ABI_AFFINITY`
where they run. For Pyodide there are two, of which a browser that knows relaxed SIMD takes the
second.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from abi._platform import IN_PYODIDE, cpu_count
from abi.errors import KernelError
from abi_accel._affinity import bound, masks, policy
from abi_accel._exports import EXPORTS

__all__ = ["Library", "load"]

_NAMES = {"darwin": "abi_accel.dylib", "win32": "abi_accel.dll"}
_RELAXED = "abi_accel_relaxed.wasm"  # what ends in .so Pyodide loads when it installs a wheel
# WebAssembly: f(a, b) gives lane 0 of i32x4.relaxed_dot_i8x16_i7x16_add_s of a and b in all lanes.
_RELAXED_DOT = bytes.fromhex(
    "0061736d01000000" "01070160027f7f017f" "03020100" "0705010166" "0000" "0a1601140020"
    "00fd112001fd114100fd11" "fd9302" "fd1b00" "0b"
)  # fmt: skip
_MOST_THREADS = 256


class Library:
    """The loaded library.

    Attributes
    ----------
    isa : str
        The instruction set that is used.
    isas : list of str
        Those that this machine has, worst first.
    n_threads : int
    affinity : str
        What threads are bound to: `none`, `cores` or `nodes`.
    """

    def __init__(self, path: str) -> None:
        self._library: Any = ctypes.CDLL(path)
        for name, (arguments, result) in EXPORTS.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = arguments, result
            setattr(self, name.removeprefix("abi_"), function)
        count = self._library.abi_isa_count()
        self.isas = [self._library.abi_isa_name(i).decode() for i in range(count)]
        self.choose(os.environ.get("ABI_NATIVE_ISA") or self.isas[-1])
        self.n_threads = _threads()
        self.affinity = policy()
        self._library.abi_bind(masks(bound(self.affinity, _MOST_THREADS)))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._library.abi_forked)

    def __getattr__(self, name: str) -> Any:
        """What it exports is there already, by its name without `abi_`."""
        raise AttributeError(f"the library exports no abi_{name}")

    def choose(self, isa: str) -> None:
        """Use an instruction set.

        Raises
        ------
        KernelError
            If this machine does not have it, or it is unknown.
        """
        if isa not in self.isas:
            known = ", ".join(self.isas)
            raise KernelError(f"ABI_NATIVE_ISA={isa}: this machine has {known}")
        self._library.abi_isa_choose(self.isas.index(isa))
        self.isa = isa

    def set_threads(self, n: int) -> None:
        """Have n threads compute; those that are more than that go on sleeping.

        Raises
        ------
        KernelError
            If it is not 1 to 256.
        """
        if type(n) is not int or not 1 <= n <= _MOST_THREADS:
            raise KernelError(f"n_threads={n!r}: expected 1 to {_MOST_THREADS}")
        self.n_threads = n


def _threads() -> int:
    """As many as the processors that this process may use, or what `ABI_THREADS` says."""
    asked = os.environ.get("ABI_THREADS")
    if not asked:
        return min(cpu_count(), _MOST_THREADS)
    if not asked.isdecimal() or not 1 <= int(asked) <= _MOST_THREADS:
        raise KernelError(f"ABI_THREADS={asked}: expected 1 to {_MOST_THREADS}")
    return int(asked)


@lru_cache(maxsize=1)
def load() -> Library:
    """The library.

    Raises
    ------
    OSError
        If it is not there, or cannot be loaded.
    KernelError
        If an environment variable asks for what cannot be.
    """
    return Library(os.environ.get("ABI_NATIVE_LIBRARY") or str(_beside()))


def _beside() -> Path:
    """The library that was installed with this module, for this machine."""
    folder = Path(__file__).parent / "lib"
    if IN_PYODIDE and (folder / _RELAXED).exists() and _relaxed_simd():
        return folder / _RELAXED
    return folder / _NAMES.get(sys.platform, "abi_accel.so")


def _relaxed_simd() -> bool:
    """Whether this browser has relaxed SIMD that multiplies rightly, and nothing else is asked for.

    V8 11.3 (Node 20), where it is an experiment, takes the wrong factor as signed.
    """
    from js import WebAssembly
    from pyodide.ffi import to_js

    code, asked = to_js(_RELAXED_DOT), os.environ.get("ABI_NATIVE_ISA") or "relaxed"
    if asked != "relaxed" or not WebAssembly.validate(code):
        return False
    module = WebAssembly.Module.new(code)
    signed, unsigned = (-89, 13, -68, -53), (98, 62, 0, 127)
    words = (int.from_bytes(bytes(v % 256 for v in four), "little") for four in (signed, unsigned))
    dot: int = WebAssembly.Instance.new(module).exports.f(*words)
    return dot == sum(a * b for a, b in zip(signed, unsigned, strict=True))
