"""All file work of the store: a handful of operations on one flat folder.

A platform takes part by providing them: `OSFiles` on an operating system, `MemoryFiles`
anywhere. Files are written once from front to back and never changed afterwards; what
replaces a file is written beside it, synced and renamed.
"""

from abi.store.files._memory import MemoryFiles
from abi.store.files._os import OSFiles
from abi.store.files._protocol import Appender, Bytes, Files, Held, Reader, octets

__all__ = ["Appender", "Bytes", "Files", "Held", "MemoryFiles", "OSFiles", "Reader", "octets"]
