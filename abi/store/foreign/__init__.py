"""Points out of the files of other vector stores: faiss, hnswlib and Chroma.

The files are read in place by what is known of their layout; nothing in them is executed, and
none of those libraries is needed.
"""

from abi.store.foreign._chroma import read_chroma
from abi.store.foreign._faiss import read_faiss
from abi.store.foreign._hnswlib import read_hnswlib
from abi.store.foreign._points import Foreign

__all__ = ["Foreign", "read_chroma", "read_faiss", "read_hnswlib"]
