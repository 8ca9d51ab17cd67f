"""abi: a private AI engine that runs wherever Python runs.

    import abi

    model = abi.load("model.gguf")
    for piece in model.generate("Once upon a time", max_tokens=64):
        print(piece, end="")

Names are loaded when they are first used, so `import abi` costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abi.errors import (
        AbiError,
        Cancelled,
        ContextLengthError,
        DownloadError,
        FormatError,
        InputError,
        KernelError,
        MissingExtraError,
        NotPulledError,
        UnsupportedError,
    )
    from abi.generate import Generation, Model, load
    from abi.tokenizer import Tokenizer

__all__ = [
    "AbiError",
    "Cancelled",
    "ContextLengthError",
    "DownloadError",
    "FormatError",
    "Generation",
    "InputError",
    "KernelError",
    "MissingExtraError",
    "Model",
    "NotPulledError",
    "Tokenizer",
    "UnsupportedError",
    "__version__",
    "load",
]

__version__ = "0.1.0"

_HOMES = {
    "Generation": "abi.generate",
    "Model": "abi.generate",
    "Tokenizer": "abi.tokenizer",
    "load": "abi.generate",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'abi' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "abi.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
