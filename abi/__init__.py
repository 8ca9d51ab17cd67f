"""abi: a private AI engine that runs wherever Python runs.

    import abi

    model = abi.load("model.gguf")
    for piece in model.generate("Once upon a time", max_tokens=64):
        print(piece, end="")

    db = abi.open("data/")
    notes = db.create_collection("notes", dim=384)
    notes.upsert(ids=[1], vectors=[vector], payloads=[{"year": 2026}], texts=["a note"])
    hits = notes.search(vector=vector, k=10, filter={"year": {"$gte": 2020}})

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
        DamageWarning,
        DownloadError,
        FormatError,
        InputError,
        KernelError,
        LockedError,
        MissingExtraError,
        NotPulledError,
        StorageError,
        UnsupportedError,
    )
    from abi.generate import Generation, Model, load
    from abi.store import Collection, Database, Hit, Point, backup, open, restore
    from abi.tokenizer import Tokenizer

__all__ = [
    "AbiError",
    "Cancelled",
    "Collection",
    "ContextLengthError",
    "DamageWarning",
    "Database",
    "DownloadError",
    "FormatError",
    "Generation",
    "Hit",
    "InputError",
    "KernelError",
    "LockedError",
    "MissingExtraError",
    "Model",
    "NotPulledError",
    "Point",
    "StorageError",
    "Tokenizer",
    "UnsupportedError",
    "__version__",
    "backup",
    "load",
    "open",
    "restore",
]

__version__ = "0.1.0"

_HOMES = {
    "Collection": "abi.store",
    "Database": "abi.store",
    "Generation": "abi.generate",
    "Hit": "abi.store",
    "Model": "abi.generate",
    "Point": "abi.store",
    "Tokenizer": "abi.tokenizer",
    "backup": "abi.store",
    "load": "abi.generate",
    "open": "abi.store",
    "restore": "abi.store",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'abi' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "abi.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
