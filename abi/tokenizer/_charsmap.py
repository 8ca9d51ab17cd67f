"""SentencePiece's compiled normalisation: a trie of prefixes with what replaces them.

    uint32 size of the trie in bytes | uint32 nodes | replacements, each ended by a zero byte

The trie is a double array of XOR-compressed nodes (Kanda, 2018): bits 0 to 7 and 31 the label
to check, bit 8 whether a value follows, bit 9 a shift of the base by 8, bits 10 to 30 the base.
A node with bit 31 set is a value: the offset of a replacement. Follows llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from abi.errors import FormatError

__all__ = ["KEY", "Charsmap"]

KEY = "tokenizer.ggml.precompiled_charsmap"


class Charsmap:
    """The longest prefix that is to be replaced, and by what.

    Parameters
    ----------
    metadata : mapping
        Without the key nothing is replaced.

    Raises
    ------
    FormatError
        If the sizes do not fit each other. What lies outside is found when text leads there.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        blob = metadata.get(KEY)
        self._nodes: list[int] = []
        self._texts = b""
        if blob is None:
            return
        if not isinstance(blob, np.ndarray) or blob.dtype.kind not in "iu" or blob.itemsize != 1:
            raise FormatError("expected an array of bytes", field=KEY)
        raw = blob.tobytes()
        size = int.from_bytes(raw[:4], "little")
        if len(raw) < 4 or size + 4 >= len(raw):
            raise FormatError(
                f"its trie of {size} bytes does not fit into the {len(raw)} bytes there are",
                field=KEY,
            )
        self._nodes = np.frombuffer(raw, "<u4", size // 4, 4).tolist()
        self._texts = raw[4 + size :]

    def match(self, raw: bytes, start: int) -> tuple[bytes, int] | None:
        """What replaces the bytes from there on, and how many of them."""
        if not self._nodes:
            return None
        index, value, length = self._base(0), 0, 0
        for pos in range(start, len(raw)):
            byte = raw[pos]
            index ^= byte
            if not byte or self._node(index) & 0x800000FF != byte:
                break
            leaf = self._node(index) & 0x100
            index ^= self._base(index)
            if leaf:
                value, length = self._node(index) & 0x7FFFFFFF, pos - start + 1
        return (self._text(value), length) if length else None

    def plain(self) -> bytes:
        """ASCII bytes that stay what they are, whatever ASCII follows."""
        return bytes(byte for byte in range(0x80) if self._is_plain(byte))

    def _is_plain(self, byte: int) -> bool:
        if not self._nodes or not byte:
            return True
        try:
            index = self._base(0) ^ byte
            if self._node(index) & 0x800000FF != byte:
                return True
            if self._node(index) & 0x100:
                return False
            index ^= self._base(index)
            following = (self._node(index ^ b) & 0x800000FF == b for b in range(1, 0x80))
            return not any(following)
        except FormatError:
            return False

    def _node(self, index: int) -> int:
        if index >= len(self._nodes):
            raise FormatError(f"its trie leads to node {index} of {len(self._nodes)}", field=KEY)
        return self._nodes[index]

    def _base(self, index: int) -> int:
        node = self._node(index)
        # In 32 bits, as the file's own arithmetic is.
        return (node >> 10) << ((node & 0x200) >> 6) & 0xFFFFFFFF

    def _text(self, offset: int) -> bytes:
        end = self._texts.find(b"\0", offset)
        if end < 0:
            raise FormatError(
                f"a replacement at {offset} does not end in the {len(self._texts)} bytes there are",
                field=KEY,
            )
        return self._texts[offset:end]
