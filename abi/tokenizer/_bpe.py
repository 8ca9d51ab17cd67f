"""Byte-level BPE: words as bytes in a printable alphabet, merged by rank.

Follows `llm_tokenizer_bpe_session` of llama.cpp; the alphabet is that of GPT-2. Some of its
pre-tokenisers do without the alphabet and merge characters, with SentencePiece's tokens for
bytes. Two further kinds stand on it: words of white space alone, and DNA in groups of six.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from abi.errors import FormatError
from abi.tokenizer._merge import merge
from abi.tokenizer._pretokenizer import PreTokenizer
from abi.tokenizer._unicode import WHITE, decode_lenient, is_valid, lower
from abi.tokenizer._vocab import Pieces, Vocab, spaced
from abi.tokenizer._words import WordTokens

__all__ = ["DNA_MARK", "BytePairEncoding", "HybridDNA", "WhitespaceBPE", "byte_alphabet"]

DNA_MARK = "\ue000"  # follows the texts of groups of six, so that they are no words
_GROUP = 6
_DNA = re.compile(r"((?:(?!<dna>).)*)(?:(<dna>)((?:(?!</dna>).)*)(</dna>)?)?", re.DOTALL)
_SPACE = "\u2581"


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in GPT-2's vocabularies."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


_ALPHABET = byte_alphabet()
_TO_ALPHABET = dict(enumerate(_ALPHABET))  # for str.translate over Latin-1
_FROM_ALPHABET = {ord(char): byte for byte, char in enumerate(_ALPHABET)}


class BytePairEncoding:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab, metadata: Mapping[str, Any], pre: PreTokenizer) -> None:
        self._vocab, self._pre = vocab, pre
        self._split = pre.split
        needed = metadata.get("tokenizer.ggml.pre") != "kimi-k2"
        self._ranks = _ranks(metadata, needed, vocab.ids)
        self._pieces = Pieces(vocab, spaced if pre.escape_spaces else _alphabet_bytes)
        self._words = WordTokens(self._encode_word)

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        if self._pre.escape_spaces:
            text = text.replace(" ", _SPACE)
        if not is_valid(text):
            text = decode_lenient(text.encode("utf-8", "surrogateescape"))
        words, out = self._words, []
        for word in self._split(text):
            out += words[word]
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        return self._pieces(token)

    def _encode_word(self, word: str) -> list[int]:
        ids, ranks, pre = self._vocab.ids, self._ranks, self._pre
        symbols = _alphabet_symbols(word) if pre.byte_encode else _plain_symbols(word)
        whole = pre.ignore_merges or (pre.whole_newlines and not word.strip("\n"))
        if whole and (token := ids.get("".join(symbols))) is not None:
            return [token]
        out: list[int] = []
        for symbol in merge(symbols, lambda a, b: ranks.get((a, b))):
            token = ids.get(symbol)
            if token is not None:
                out.append(token)
            else:  # a byte without a token of its own is dropped, as llama.cpp does
                out += self._bytes_of(symbol)
        return out

    def _bytes_of(self, symbol: str) -> list[int]:
        raw, ids = symbol.encode("utf-8", "surrogateescape"), self._vocab.ids
        if self._pre.byte_encode:
            texts = [bytes([byte]).decode("utf-8", "surrogateescape") for byte in raw]
        else:
            texts = [f"<0x{byte:02X}>" for byte in raw]
        return [ids[text] for text in texts if text in ids]


class WhitespaceBPE(BytePairEncoding):
    """White space parts words and is dropped; letters may be lowered first."""

    def __init__(
        self, vocab: Vocab, metadata: Mapping[str, Any], pre: PreTokenizer, lowercase: bool
    ) -> None:
        super().__init__(vocab, metadata, pre)
        self._lowercase = lowercase
        self._blank = dict.fromkeys(WHITE, " ")

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        text = decode_lenient(text.encode("utf-8", "surrogateescape"))
        out: list[int] = []
        for part in text.translate(self._blank).split(" "):
            if part and self._lowercase:
                part = "".join(chr(lower(ord(char))) for char in part)
            if part:
                raw = part.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
                out += super().encode(raw, after_special)
        return out


class HybridDNA(BytePairEncoding):
    """Text as ever; between `<dna>` and `</dna>` bases by sixes, the last filled up with A."""

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        ids = self._vocab.ids
        if not {"<dna>", "</dna>", "<oov>"} <= ids.keys():
            return super().encode(text, after_special)
        out: list[int] = []
        for before, opened, strand, closed in _DNA.findall(text):
            out += super().encode(before, after_special)
            out += [ids["<dna>"]] * bool(opened) + self._groups(strand)
            out += [ids["</dna>"]] * bool(closed)
        return out

    def _groups(self, strand: str) -> list[int]:
        ids, raw = self._vocab.ids, strand.encode("utf-8", "surrogateescape").upper()
        raw += b"A" * (-len(raw) % _GROUP)
        parts = (raw[i : i + _GROUP] for i in range(0, len(raw), _GROUP))
        texts = (part.decode("utf-8", "surrogateescape") + DNA_MARK for part in parts)
        return [ids.get(text, ids["<oov>"]) for text in texts]


def _alphabet_symbols(word: str) -> list[str]:
    # Surrogates come from decode_lenient alone and stand for their own three bytes.
    return list(word.encode("utf-8", "surrogatepass").decode("latin-1").translate(_TO_ALPHABET))


def _plain_symbols(word: str) -> list[str]:
    if is_valid(word):
        return list(word)
    raw = (char.encode("utf-8", "surrogatepass") for char in word)
    return [char.decode("utf-8", "surrogateescape") for char in raw]


def _alphabet_bytes(text: str) -> bytes:
    """Bytes of a token; a character outside the alphabet is spelt as llama.cpp spells it."""
    try:
        return bytes([_FROM_ALPHABET[ord(char)] for char in text])
    except KeyError:
        pass
    whole = text.encode("utf-8", "surrogateescape")
    out = bytearray()
    for char in decode_lenient(whole):
        byte = _FROM_ALPHABET.get(ord(char))
        if byte is None:
            code = char.encode("utf-8", "surrogatepass").hex().encode()
            out += b"[UNK_BYTE_0x" + code + whole + b"]"
        else:
            out.append(byte)
    return bytes(out)


def _ranks(
    metadata: Mapping[str, Any], needed: bool, ids: Mapping[str, int]
) -> dict[tuple[str, str], int]:
    key = "tokenizer.ggml.merges"
    merges = metadata.get(key)
    if merges is None and not needed:
        return {}
    if not isinstance(merges, list) or not all(isinstance(m, str) for m in merges):
        raise FormatError("expected a list of strings", field=key)
    ranks: dict[tuple[str, str], int] = {}
    same = dict(zip(ids, ids, strict=True)).get  # one string for all merges of a token
    for rank, pair in enumerate(merges):
        cut = pair.find(" ", 1)
        if cut < 0:
            raise FormatError(f"merge {rank} is {pair!r}, expected two parts", field=key)
        left, right = pair[:cut], pair[cut + 1 :]
        ranks.setdefault((same(left, left), same(right, right)), rank)
    return ranks
