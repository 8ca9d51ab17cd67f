"""PLaMo-2: the way to write a text with tokens of the highest sum of scores, from its end.

Follows `llm_tokenizer_plamo2` of llama.cpp: scores are whole numbers, 1e4 to one of the file's,
and what has no token is written byte by byte. Its table of suffixes is left out: it finds the
tokens that the text goes on with, which a lookup by length does as well.
"""

from __future__ import annotations

import math

from abi.errors import FormatError
from abi.tokenizer._match import Matcher
from abi.tokenizer._roles import TokenType
from abi.tokenizer._unicode import decode_lenient, is_valid
from abi.tokenizer._vocab import Pieces, Vocab

__all__ = ["PLaMo2"]

_BOM = "\ufeff"
_UNKNOWN = -10_000_000
_INVALID = -20_000_000
_FAR = 1 << 60


class PLaMo2:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._byte_pieces = Pieces(vocab).of_bytes
        self._bytes = _byte_ids(self._byte_pieces)
        scores = {i: _whole(i, vocab.scores[i]) for i in vocab.ids.values()}
        self._scores = {i: score for i, score in scores.items() if score > _INVALID}
        kept = ((text, i) for text, i in vocab.ids.items() if i in self._scores)
        texts = ((_as_decoded(t), i) for t, i in kept if i not in self._byte_pieces)
        self._matcher = Matcher({text: i for text, i in texts if text})

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        if not is_valid(text):
            text = decode_lenient(text.encode("utf-8", "surrogateescape"))
        text = text.removeprefix(_BOM)
        n = len(text)
        costs, sizes, tokens = [_FAR] * n + [0], [1] * n, [-1] * n
        for pos in range(n - 1, -1, -1):
            for token, size in reversed(list(self._matcher.all(text, pos))):
                cost = costs[pos + size] - self._scores[token]
                if cost < costs[pos]:
                    costs[pos], sizes[pos], tokens[pos] = cost, size, token
            if costs[pos + 1] - _UNKNOWN < costs[pos]:
                costs[pos], sizes[pos], tokens[pos] = costs[pos + 1] - _UNKNOWN, 1, -1
        out: list[int] = []
        pos = 0
        while pos < n:
            if tokens[pos] >= 0:
                out.append(tokens[pos])
            else:
                out += [self._bytes[b] for b in text[pos].encode("utf-8", "surrogatepass")]
            pos += sizes[pos]
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        if self._vocab.types[token] is TokenType.BYTE:
            return self._byte_pieces[token]
        return self._vocab.texts[token].encode("utf-8", "surrogateescape")


def _as_decoded(text: str) -> str:
    """A token's text as `decode_lenient` would give it; none if it gives none such."""
    if is_valid(text):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    decoded = decode_lenient(raw)
    return decoded if decoded.encode("utf-8", "surrogatepass") == raw else ""


def _byte_ids(pieces: dict[int, bytes]) -> list[int]:
    ids = {piece[0]: i for i, piece in pieces.items() if i}
    for byte in range(256):
        if byte not in ids:
            raise FormatError(
                f"the vocabulary has no token typed as byte 0x{byte:02X}",
                field="tokenizer.ggml.tokens",
            )
    return [ids[byte] for byte in range(256)]


def _whole(token: int, score: float) -> int:
    """The score in ten thousandths, rounded half away from zero."""
    if not math.isfinite(score):
        return _INVALID
    rest, whole = math.modf(score * 1e4)
    number = int(whole) + (0 if abs(rest) < 0.5 else 1 if rest > 0 else -1)
    if not -(2**31) <= number < 2**31 or number == _UNKNOWN:
        raise FormatError(
            f"the score of token {token} is {score:g}, which means something else to PLaMo-2",
            field="tokenizer.ggml.scores",
        )
    return number
