"""A SentencePiece-style BPE vocabulary, as GGUF's ``llama`` tokenizer model stores it.

Layout: ``<unk>``, ``<s>``, ``</s>``, the 256 byte tokens, the learned merges by falling score,
then the single characters, scored below every merge. Encoding follows llama.cpp's SPM
tokenizer: the neighbouring pair whose joined text is the best scored piece merges first, the
leftmost of equals. Learning counts words, so no piece spans a space or mixes letters with
punctuation. Special tokens in the text and text normalisation are left out.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["BOS", "EOS", "UNK", "Vocab", "learn"]

UNK, BOS, EOS = 0, 1, 2
SPACE = "\u2581"
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_WORD = re.compile(f"{SPACE}?[A-Za-z]+|{SPACE}?[^A-Za-z{SPACE}]+|{SPACE}")

Pieces = tuple[str, ...]


@dataclass
class Vocab:
    """A vocabulary with its encoder and decoder.

    Attributes
    ----------
    tokens, scores, types
        The three parallel arrays of ``tokenizer.ggml``.
    """

    tokens: list[str]
    scores: list[float]
    types: list[int]
    _ids: dict[str, int] = field(init=False, repr=False)
    _cache: dict[str, list[int]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        rows = zip(self.tokens, self.types, strict=True)
        self._ids = {token: i for i, (token, kind) in enumerate(rows) if kind == _NORMAL}

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without BOS, with the leading space added."""
        words = _WORD.findall(SPACE + text.replace(" ", SPACE)) if text else []
        return [token for word in words for token in self._word(word)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of token ids; control tokens are silent, the first space drops."""
        raw = b"".join(map(self._bytes, ids))
        return raw.decode("utf-8", "replace").removeprefix(" ")

    def _bytes(self, token: int) -> bytes:
        if self.types[token] == _BYTE:
            return bytes([token - 3])
        if self.types[token] == _NORMAL:
            return self.tokens[token].replace(SPACE, " ").encode()
        return b""

    def _word(self, word: str) -> list[int]:
        if word not in self._cache:
            self._cache[word] = [i for piece in self._merge(word) for i in self._look_up(piece)]
        return self._cache[word]

    def _merge(self, word: str) -> list[str]:
        pieces = list(word)
        while True:
            pairs = (self._ids.get(a + b) for a, b in itertools.pairwise(pieces))
            scored = [(-self.scores[i], at) for at, i in enumerate(pairs) if i is not None]
            if not scored:
                return pieces
            at = min(scored)[1]
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]

    def _look_up(self, piece: str) -> list[int]:
        found = self._ids.get(piece)
        return [3 + byte for byte in piece.encode()] if found is None else [found]


def learn(texts: Iterable[str], size: int) -> Vocab:
    """Learn a vocabulary by byte-pair merging.

    Parameters
    ----------
    texts : Iterable[str]
        The training texts.
    size : int
        The number of tokens wanted, the 259 fixed ones included.

    Returns
    -------
    Vocab
        At most ``size`` tokens; fewer where every word has become one piece.
    """
    counts = Counter(word for text in texts for word in _words(text))
    alphabet = sorted({char for word in counts for char in word})
    merges = _merges(counts, size - 259 - len(alphabet))
    pieces = [*merges, *alphabet]
    return Vocab(
        tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces],
        scores=[0.0] * 259 + [-float(rank) for rank in range(len(pieces))],
        types=[_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(pieces)],
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(SPACE + text.replace(" ", SPACE))


def _merges(counts: Counter[str], wanted: int) -> list[str]:
    words: dict[Pieces, int] = {tuple(word): count for word, count in counts.items()}
    merges: list[str] = []
    while len(merges) < wanted:
        pairs: Counter[tuple[str, str]] = Counter()
        for pieces, count in words.items():
            for pair in itertools.pairwise(pieces):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if (joined := "".join(best)) not in merges:
            merges.append(joined)
        words = {_join(pieces, best): count for pieces, count in words.items()}
    return merges


def _join(pieces: Pieces, pair: tuple[str, str]) -> Pieces:
    joined: list[str] = []
    at = 0
    while at < len(pieces):
        step = 2 if pieces[at : at + 2] == pair else 1
        joined.append("".join(pieces[at : at + step]))
        at += step
    return tuple(joined)
