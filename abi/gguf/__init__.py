"""GGUF files: reading (versions 2 and 3, mapped, split files) and writing (version 3).

A hostile or cut file raises `FormatError` naming offset and field, and nothing else.
Big-endian files are refused by name.
"""

from abi.gguf._file import GGUFFile, Source, read
from abi.gguf._types import Typed, ValueType
from abi.gguf._writer import write

__all__ = ["GGUFFile", "Source", "Typed", "ValueType", "read", "write"]
