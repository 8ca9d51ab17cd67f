"""Choosing kernels: `use("native")` > `ABI_KERNELS=native` > the first available.

The native kernels come first: where `abi-accel` is installed, it is faster and takes less memory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from abi.errors import KernelError
from abi.kernels._numpy import NumpyKernels

__all__ = ["REGISTRY", "Candidate", "candidates", "select", "use"]

# In the order of automatic choice; what is not installed is passed over.
REGISTRY: dict[str, str] = {
    "native": "abi_accel.native:NativeKernels",
    "numpy": "abi.kernels._numpy:NumpyKernels",
}

_CURES = {"native": "install abi-accel (from a clone of the repository: pip install ./accel)"}

_chosen: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A kernel set and, where it cannot be used, the reason."""

    name: str
    reason: str | None


def use(name: str | None) -> None:
    """Choose the kernels of models loaded from now on; None returns to automatic choice.

    Raises
    ------
    KernelError
        If these kernels are unknown or cannot be used here.
    """
    global _chosen
    if name is not None and name != "auto":
        _instance(name)
    _chosen = name


def select(name: str | None = None) -> NumpyKernels:
    """The kernels to compute with.

    Parameters
    ----------
    name : str, optional
        Overrides `use` and the environment variable `ABI_KERNELS`.

    Raises
    ------
    KernelError
        If kernels were asked for by name and cannot be used here, with the reason, or an
        environment variable of theirs asks for what cannot be.
    """
    environment = os.environ.get("ABI_KERNELS")
    wanted = (_chosen or environment or "auto") if name is None else name
    if wanted != "auto":
        try:
            return _instance(wanted)
        except KernelError as error:
            if name is not None or _chosen:
                raise
            raise KernelError(f"ABI_KERNELS={environment}: {error}") from None
    return _instance(next(name for name in REGISTRY if _reason(name) is None))


def candidates() -> list[Candidate]:
    """Every known kernel set in the order of automatic choice, with why it is not usable."""
    found = []
    for name in REGISTRY:
        try:
            found.append(Candidate(name, _reason(name)))
        except KernelError as error:
            found.append(Candidate(name, str(error)))
    return found


def _class(name: str) -> type[NumpyKernels]:
    module, _, attribute = REGISTRY[name].partition(":")
    found: type[NumpyKernels] = getattr(import_module(module), attribute)
    return found


def _reason(name: str) -> str | None:
    try:
        return _class(name).available()
    except (ImportError, AttributeError) as error:
        cure = _CURES.get(name)
        return f"{error}; {cure}" if cure else str(error)


@lru_cache(maxsize=None)
def _instance(name: str) -> NumpyKernels:
    if name not in REGISTRY:
        raise KernelError(f"unknown kernels {name!r}; expected auto, {', '.join(REGISTRY)}")
    reason = _reason(name)
    if reason is not None:
        raise KernelError(f"kernels {name!r} cannot be used here: {reason}")
    return _class(name)()
