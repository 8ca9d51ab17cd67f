"""A small compiler of SentencePiece normalisation maps, for vocabularies that tests make.

The reader under test follows llama.cpp; this writer follows the layout that
`abi/tokenizer/_charsmap.py` describes, so a mistake in either shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["compile_charsmap"]


def compile_charsmap(rules: Mapping[str, str]) -> np.ndarray:
    """The blob that replaces each key by its value, the longest key first."""
    texts, offsets = bytearray(), {}
    for value in rules.values():
        offsets.setdefault(value, len(texts))
        if offsets[value] == len(texts):
            texts += value.encode() + b"\0"
    tree: dict = {}
    for key, value in rules.items():
        node = tree
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node["value"] = offsets[value]
    nodes = _Nodes()
    nodes.place(0, 0, tree)
    raw = nodes.array.astype("<u4").tobytes()
    blob = len(raw).to_bytes(4, "little") + raw + bytes(texts)
    return np.frombuffer(blob, np.uint8)


class _Nodes:
    def __init__(self) -> None:
        self._used = {0: 0}
        self._homes: set[int] = set()

    @property
    def array(self) -> np.ndarray:
        out = np.zeros((max(self._used) // 256 + 1) * 256, np.uint32)
        for index, node in self._used.items():
            out[index] = node
        return out

    def place(self, index: int, label: int, tree: dict) -> None:
        """A node whose children lie at their common place, each XOR its label."""
        labels = [0 if byte == "value" else byte for byte in tree]
        home = 1
        # A label is all that tells whose child a node is, so no two share a place for them.
        while home in self._homes or any((home ^ byte) in self._used for byte in labels):
            home += 1
        self._homes.add(home)
        leaf = 0x100 if "value" in tree else 0
        self._used[index] = (home ^ index) << 10 | leaf | label
        for byte in labels:
            self._used[home ^ byte] = byte  # taken, until it is placed itself
        for byte, child in tree.items():
            if byte == "value":
                self._used[home] = 1 << 31 | child
            else:
                self.place(home ^ byte, byte, child)
