"""llama.cpp's tokeniser by its C functions: no model, a vocabulary alone."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp

__all__ = ["LlamaCpp"]


class LlamaCpp:
    """The vocabulary of a file."""

    def __init__(self, path: Path) -> None:
        self._model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model.model)
        self._ids = (llama_cpp.llama_token * 65536)()
        self._text = ctypes.create_string_buffer(1 << 20)

    def __len__(self) -> int:
        return int(llama_cpp.llama_vocab_n_tokens(self._vocab))

    def encode(self, raw: bytes, add_special: bool, parse_special: bool) -> list[int]:
        n = llama_cpp.llama_tokenize(
            self._vocab, ctypes.c_char_p(raw), len(raw), self._ids, len(self._ids),
            add_special, parse_special,
        )  # fmt: skip
        assert n >= 0, "the buffer is too small"
        return self._ids[:n]

    def detokenize(self, ids: list[int], remove_special: bool, unparse_special: bool) -> bytes:
        array = (llama_cpp.llama_token * max(len(ids), 1))(*ids)
        n = llama_cpp.llama_detokenize(
            self._vocab, array, len(ids), self._text, len(self._text),
            remove_special, unparse_special,
        )  # fmt: skip
        assert n >= 0, "the buffer is too small"
        return self._text.raw[:n] if n < 64 else ctypes.string_at(self._text, n)

    def piece(self, token: int, special: bool) -> bytes:
        n = llama_cpp.llama_token_to_piece(
            self._vocab, token, self._text, len(self._text), 0, special
        )
        assert n >= 0, "the buffer is too small"
        return ctypes.string_at(self._text, n)

    @property
    def ends(self) -> set[int]:
        """Tokens that end a generation."""
        return {i for i in range(len(self)) if llama_cpp.llama_vocab_is_eog(self._vocab, i)}
