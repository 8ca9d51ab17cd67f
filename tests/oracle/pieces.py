"""Vocabularies of our own for the kinds of which llama.cpp ships no file, or one only.

Pieces come from a text of ours, with what makes trouble beside them: equal scores, tokens
across spaces, tokens that end within a character, user-defined tokens, prefixes of them.
Everything is made from constants, so the recorded results stay true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from tests.oracle.charsmap import compile_charsmap
from tests.oracle.prose import PROSE

__all__ = ["SYNTHETIC", "synthetic"]

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_SPACE = "\u2581"
_BYTES = [f"<0x{b:02X}>" for b in range(256)]
_HARD = (
    "é", "è", "ê", "ß", "ﬁ", "fi", "日本", "日", "本語", "한", "국", "🙂", "👩", "\u200d", "ा",
    "हि", "…", "“", "—", "١", "٢", "½", "０", "Ａ", "\t", "\n", "\n\n", "  ", "   ", "\r\n", "://",
    "==", "'s", "'t", "don't", "00", "000", "12", "2024", "()", "{}", "});", "ing", "tion",
)  # fmt: skip
# Some rules of NFKC and of T5's map: compositions, widths, ligatures, spaces, deletions.
_RULES = {
    "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u2003": " ", "\u00ad": "",
    "\u200b": " ", "\ufeff": "", "\x7f": "", "ﬁ": "fi", "ﬂ": "fl", "…": "...", "½": "1/2", "²": "2",
    "Ⅷ": "VIII", "㎏": "kg", "A\u0301": "Á", "a\u0301": "á", "e\u0301": "é", "E\u0301": "É",
    "a\u0308": "ä", "o\u0308": "ö", "u\u0308\u0301": "ǘ", "n\u0303": "ñ", "か\u3099": "が",
    "ｶﾞ": "ガ", "ﾞ": "\u3099", "\u1100\u1161": "가", "\u1100\u1161\u11a8": "각", "': ": "»",
    "ab c": "X Y", **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)},
}  # fmt: skip


def _pieces(most: int) -> list[tuple[str, int]]:
    """Substrings of words with their counts, the space before a word as U+2581."""
    words = Counter(_SPACE + word for word in PROSE.split())
    found: Counter[str] = Counter()
    for word, count in words.items():
        for i in range(len(word)):
            for j in range(i + 1, min(len(word), i + 9) + 1):
                found[word[i:j]] += count
    return sorted(found.items(), key=lambda item: (-item[1] * len(item[0]), item[0]))[:most]


def _unique(pairs: Iterable[tuple[str, float, int]]) -> list[tuple[str, float, int]]:
    seen: dict[str, tuple[str, float, int]] = {}
    for text, score, kind in pairs:
        seen.setdefault(text, (text, score, kind))
    return list(seen.values())


def _metadata(model: str, rows: list[tuple[str, float, int]], **more: Any) -> dict[str, Any]:
    texts, scores, kinds = zip(*rows, strict=True)
    keys = {
        "model": model,
        "tokens": list(texts),
        "scores": np.array(scores, np.float32),
        "token_type": np.array(kinds, np.int32),
        **more,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in keys.items()}


def _unigram(variant: int) -> dict[str, Any]:
    rows = [("<pad>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL), ("<unk>", 0.0, _UNKNOWN)]
    rows += [("<mask>", 0.0, _CONTROL), ("<tool>", -1.0, _USER), ("ﬁn", 0.0, _USER)]
    rows += [("é!", 0.0, _USER), ("<tool_call>", 0.0, _USER), ("gone", -3.0, _UNUSED)]
    total = len(PROSE)
    for text, count in _pieces(1200):
        score = -float(np.log(total / count))
        rows.append((text, round(score) if variant == 2 else score, _NORMAL))
    rows += [(text, -9.5 - (i % 7) / 4, _NORMAL) for i, text in enumerate(_HARD)]
    rows += [(chr(c), -11.0, _NORMAL) for c in (*range(0x21, 0x7F), *range(0xC0, 0x17F))]
    if variant == 3:
        crossing = [f"s{_SPACE}", f"the{_SPACE}", f",{_SPACE}and{_SPACE}", f"{_SPACE}of{_SPACE}the"]
        rows += [(text, -4.0, _NORMAL) for text in crossing]
        rows += [("qu", 1e-30, _NORMAL), ("zz", 3.5, _NORMAL), ("jj", -3.4e38, _NORMAL)]
    more: dict[str, Any] = (
        {} if variant == 1 else {"precompiled_charsmap": compile_charsmap(_RULES)}
    )
    more |= {"add_space_prefix": variant != 1, "remove_extra_whitespaces": variant == 3}
    if variant == 3:
        more |= {"bos_token_id": 3, "add_bos_token": True}
    return _metadata("t5", _unique(rows), **more)


def _wordpiece(variant: int) -> dict[str, Any]:
    rows = [(f"[unused{i}]", 0.0, _CONTROL) for i in range(100)]
    rows += [(t, 0.0, _CONTROL) for t in ("[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    rows += [("<tool>", 0.0, _USER), ("Straße", 0.0, _USER), ("\udcc3", 0.0, _NORMAL)]
    words = [text for text, _ in _pieces(1500)] + [t.strip() or "x" for t in _HARD]
    rows += [(text, 0.0, _NORMAL) for text in words if text != _SPACE]
    singles = [chr(c) for c in (*range(0x21, 0x7F), *range(0xC0, 0x17F), *range(0x4E00, 0x4E80))]
    rows += [(mark + char, 0.0, _NORMAL) for char in singles for mark in ("", _SPACE)]
    flags = {"normalizer.lowercase": False} if variant == 1 else {"normalizer.strip_accents": False}
    if variant == 3:
        flags = {"normalizer.lowercase": False, "normalizer.strip_accents": True}
    if variant != 2:
        rows = [row for row in rows if row[0] != "\udcc3"]
    return _metadata("bert", _unique(rows), unknown_token_id=100, **flags)


def _escaped(raw: bytes) -> str:
    return repr(raw)[2:-1]


def _rwkv(variant: int) -> dict[str, Any]:
    raw = [bytes([b]) for b in range(256)]
    raw += [text.replace(_SPACE, " ").encode() for text, _ in _pieces(1500)]
    raw += [text.encode() for text in _HARD]
    raw += [
        "日本".encode()[:4],
        "é".encode() + b"\xc3",
        b"\xf0\x9f",
        b"\xf0\x9f\x99",
        b"\\",
        b"\"'",
    ]
    if variant == 2:
        raw += [b". ", b", ", b"; i", b"the ", b" of the", b"\n  ", b") {\n", b"a" * 70, b"a" * 99]
    rows = [("<s>", 0.0, _CONTROL)] + [(_escaped(r), 0.0, _NORMAL) for r in raw]
    if variant == 2:
        rows += [("<tool>", 0.0, _USER), ("<|end|>", 0.0, _CONTROL), ("\\xZZ\\q", 0.0, _NORMAL)]
    return _metadata("rwkv", _unique(rows))


def _plamo2() -> dict[str, Any]:
    rows = [(f"<|plamo:{t}|>", 0.0, _CONTROL) for t in ("unk", "bos", "eos", "pad")]
    rows += [(text, 0.0, _BYTE) for text in _BYTES]
    rows += [(t.replace(_SPACE, " "), -float(np.log(9000 / n)), _NORMAL) for t, n in _pieces(900)]
    rows += [(text, -6.0 - (i % 5) / 8, _NORMAL) for i, text in enumerate(_HARD)]
    rows += [("<tool>", -2.0, _USER), ("gone", -2500.0, _NORMAL), ("wow", float("-inf"), _NORMAL)]
    rows += [(chr(c), -8.0, _NORMAL) for c in range(0x20, 0x7F)]
    return _metadata("plamo2", _unique(rows))


def _sentencepiece() -> dict[str, Any]:
    rows = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    rows += [(text, 0.0, _BYTE) for text in _BYTES]
    rows += [("<tool>", 0.0, _USER), ("<tool_call>", 0.0, _USER), ("gone", 0.0, _UNUSED)]
    rows += [(text, -float(n % 50), _NORMAL) for n, (text, _) in enumerate(_pieces(1200))]
    rows += [(text, -7.0, _NORMAL) for text in _HARD]
    rows += [(f"s{_SPACE}", -1.0, _NORMAL), (f"e{_SPACE}t", -1.5, _NORMAL)]
    rows += [("qu", float("-inf"), _NORMAL), ("th", float("inf"), _NORMAL)]
    return _metadata("llama", _unique(rows), add_eos_token=True)


def _learnt(words: Iterable[str], merges: int) -> list[tuple[str, str]]:
    """Merges by falling count of pairs: byte-pair encoding as it was first described."""
    counts = Counter(words)
    split = {word: list(word) for word in counts}
    out = []
    for _ in range(merges):
        pairs = Counter[tuple[str, str]]()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        out.append(best)
        for parts in split.values():
            for i in range(len(parts) - 2, -1, -1):
                if (parts[i], parts[i + 1]) == best:
                    parts[i : i + 2] = ["".join(best)]
    return out


def _characters(model: str, pre: str) -> dict[str, Any]:
    """BPE over characters: words of white space alone, or with U+2581 before them."""
    escaped = pre in ("gemma4", "sarvam-moe")
    text = PROSE if model == "whitespace" else PROSE.lower()
    merges = _learnt([_SPACE * escaped + word for word in text.split()], 400)
    texts = ["<pad>", "<s>", "</s>", "<unk>", *_BYTES, *map(chr, range(0x21, 0x7F)), _SPACE]
    texts += ["\n", "\n\n", "é", "日", "本", *("".join(pair) for pair in merges)]
    rows = [
        (t, 0.0, _CONTROL if i < 3 else _UNKNOWN if i == 3 else _NORMAL)
        for i, t in enumerate(texts)
    ]
    rows += [("<tool>", 0.0, _USER)]
    pairs = [f"{a} {b}" for a, b in merges] + ["\n \n"]
    more = {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 3, "merges": pairs}
    return _metadata(model, _unique(rows), pre=pre, **more)


def _dna() -> dict[str, Any]:
    from abi.tokenizer._bpe import byte_alphabet

    merges = _learnt(["Ġ" + word for word in PROSE.split() if word.isascii()], 300)
    texts = [*byte_alphabet(), *("".join(pair) for pair in merges), "<dna>", "</dna>", "<oov>"]
    groups = [f"{a}{b}{c}{d}AA\ue000" for a in "ACGT" for b in "ACGT" for c in "ACG" for d in "AT"]
    rows = [(text, 0.0, _NORMAL) for text in [*texts, *groups]]
    pairs = [f"{a} {b}" for a, b in merges]
    return _metadata("hybriddna", _unique(rows), pre="qwen2", merges=pairs)


SYNTHETIC = {
    "unigram-1": lambda: _unigram(1),
    "unigram-2": lambda: _unigram(2),
    "unigram-3": lambda: _unigram(3),
    "wordpiece-1": lambda: _wordpiece(1),
    "wordpiece-2": lambda: _wordpiece(2),
    "wordpiece-3": lambda: _wordpiece(3),
    "rwkv-1": lambda: _rwkv(1),
    "rwkv-2": lambda: _rwkv(2),
    "plamo2": _plamo2,
    "sentencepiece": _sentencepiece,
    "whitespace": lambda: _characters("whitespace", "whitespace"),
    "whitespace-lowered": lambda: _characters("whitespace", "qwen2"),
    "characters-gemma4": lambda: _characters("gpt2", "gemma4"),
    "characters-sarvam": lambda: _characters("gpt2", "sarvam-moe"),
    "dna": _dna,
}


def synthetic(name: str) -> dict[str, Any]:
    """Metadata of a vocabulary, with what llama.cpp wants to see of a model around it."""
    sizes = {
        "context_length": 128, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64,
        "attention.head_count": 4,
    }  # fmt: skip
    model = {f"llama.{key}": value for key, value in sizes.items()}
    model["llama.attention.layer_norm_rms_epsilon"] = 1e-5
    return {"general.architecture": "llama", **model, **SYNTHETIC[name]()}
