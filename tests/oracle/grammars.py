"""What llama.cpp says of grammars: which texts it takes, how far, and which tokens may follow.

`CASES` are grammars of our own, `REFUSED` such that neither side takes; llama.cpp's own
grammar files are fetched with its vocabularies. The texts were written at random under each
grammar and then damaged at random; they lie in the record with what llama.cpp says of them.
"""

from __future__ import annotations

import ctypes
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CASES", "REFUSED", "damaged", "mask_digest", "record", "whole_tokens"]

CASES = {
    "escapes": r'root ::= "a\n\t\"\\\x41\u00e9\U0001F600" [\]\[\-\\^-]+',
    "classes": 'root ::= [a-cx-z_]{2,3} [^a-z\\n0-9]* [^é]? "."',
    "any": 'root ::= . "b" .* "!"',
    "counts": 'root ::= "a"{2} "b"{1,3} "c"{2,} "d"{0,2} "e"{0}',
    "nested": 'root ::= ("(" root ")" | "[" root "]")* "x"?',
    "ambiguous": 'root ::= item*\nitem ::= "a" | "ab" | "b" "a"? | "aba"',
    "palindromes": 'root ::= "a" root "a" | "b" root "b" | "c"?',
    "empty-alternatives": 'root ::= one two\none ::= ("x" | )\ntwo ::= | "y" ("z" |)',
    "comments": '# first\nroot ::= ( # open\n  "a" # one\n | "b"\n) # end\n  # last\n',
    "given-twice": 'root ::= a\na ::= "1"\na ::= "2"',
    "names": "root ::= A-1 0b\nA-1 ::= [A-Z]\n0b ::= [01]+",
    "after-a-bar": 'root ::= "a" |\n  "b" |\n\n  "c"',
    "many-scripts": "root ::= [ぁ-ゟ]+ [^ -~]{1,4} [😀-🙏] [а-яё]*",
    "empty-class": 'root ::= "a" [] "b" [^] "c"',
    "deep": "root ::= " + "(" * 60 + '"x"' + ")?" * 60,
    "stars": 'root ::= ("a"+ "b"*)+ ("c"? "d"?){2,4}',
    "long-count": 'root ::= [a-z]{3,1500} ";"',
    "tokens": 'root ::= <[3057]> !<[13]>* <[13]> "x"*',
    "tokens-or-text": 'root ::= (<[263]> | "b" | <[278]> "c")+ <[13]>?',
}

REFUSED = (
    "root", "root ::=\n\"a\" b", 'root ::= "a', "root ::= [a", "root ::= (\"a\"", 'root ::= "a")',
    'root ::= * "a"', 'root ::= "" *', 'root ::= "a"{', 'root ::= "a"{2', 'root ::= "a"{,2}',
    'root ::= "\\q"', 'root ::= "\\x4"', 'root ::= "\\u00g0"', 'other ::= "a"', "root ::= missing",
    'root ::= root "a" | "b"', 'root ::= a\na ::= b\nb ::= a "x" | "y"',
    'root ::= root', 'root := "a"', 'root ::= "a" % "b"', "root ::= <[x]>", "root ::= !",
    'root ::= "a"{3000}', 'root ::= [\\d]', "_x ::= \"a\"",
)  # fmt: skip


def damaged(text: str, rng: random.Random) -> str:
    """The text with one place changed."""
    at = rng.randint(0, len(text))
    char = rng.choice([*'ab{}[]",: 0\n\\x-é日😀(', *text])
    return rng.choice([
        text[:at], text[:at] + char + text[at:], text[:at] + char + text[at + 1 :],
        text[:at] + text[at + 1 :], text + char, text[:at] + text[at : at + 3] + text[at:],
    ])  # fmt: skip


def whole_tokens(pieces: list[bytes]) -> list[int]:
    """Tokens of whole characters; llama.cpp is lenient about broken ones, we are not."""
    found = []
    for i, piece in enumerate(pieces):
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            continue
        if text and "\0" not in text:
            found.append(i)
    return found


def mask_digest(mask: Any) -> int:
    """32 bits of a mask."""
    return zlib.crc32(np.packbits(np.asarray(mask, np.bool_)).tobytes())


class _Oracle:
    """llama.cpp's grammar sampler over one vocabulary, asked token by token."""

    def __init__(self, path: Path) -> None:
        import llama_cpp

        self._c = llama_cpp
        self._model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
        self.vocab = llama_cpp.llama_model_get_vocab(self._model.model)
        self.end = llama_cpp.llama_vocab_eos(self.vocab)

    def start(self, grammar: str) -> Any:
        return self._c.llama_sampler_init_grammar(self.vocab, grammar.encode(), b"root")

    def mask(self, sampler: Any, tokens: list[int]) -> list[bool]:
        c = self._c
        data = (c.llama_token_data * len(tokens))()
        for i, token in enumerate(tokens):
            data[i].id, data[i].logit = token, 0.0
        array = c.llama_token_data_array(data, len(tokens), -1, False)
        c.llama_sampler_apply(sampler, ctypes.byref(array))
        allowed = {entry.id for entry in data if entry.logit == 0.0}
        return [token in allowed for token in tokens]

    def accept(self, sampler: Any, token: int) -> None:
        self._c.llama_sampler_accept(sampler, token)

    def read(self, grammar: str, raw: bytes) -> tuple[int, bool]:
        """Bytes of a text that are taken, and whether it may end there."""
        sampler = self.start(grammar)
        for n, byte in enumerate(raw):
            token = 3 + byte  # the byte tokens of this vocabulary
            if self.mask(sampler, [token, self.end]) != [True, False]:
                ends = self.mask(sampler, [token, self.end])
                if not ends[0]:
                    return n, ends[1]
            self.accept(sampler, token)
        return len(raw), self.mask(sampler, [self.end])[0]


def record(vocab: Path, pieces: list[bytes], grammars: dict[str, str]) -> dict[str, Any]:
    """For each grammar: texts with how far they go, and masks along the first of them."""
    from abi.grammar import compile_gbnf
    from tests.grammar.writing import write_at_random

    oracle, tokens = _Oracle(vocab), whole_tokens(pieces)
    refused = [text for text in REFUSED if not oracle.start(text)]
    assert refused == list(REFUSED), set(REFUSED) - set(refused)
    found: dict[str, Any] = {}
    for name, grammar in grammars.items():
        if name.startswith("tokens"):
            found[name] = _by_tokens(oracle, grammar, tokens)
            continue
        rng, ours = random.Random(name), compile_gbnf(grammar)
        texts = ["", *(write_at_random(ours, rng, rng.choice([3, 12, 40])) for _ in range(12))]
        texts = [text for text in texts if "\0" not in text]
        texts += [damaged(text, rng) for text in texts for _ in range(4)]
        unique = list(dict.fromkeys(text[:400] for text in texts))
        rows = [[text, *oracle.read(grammar, text.encode())] for text in unique]
        masks = _masks(oracle, grammar, max(unique[:8], key=len)[:30], tokens)
        found[name] = {"texts": rows, "masks": masks}
    return found


def _masks(oracle: _Oracle, grammar: str, text: str, tokens: list[int]) -> list[Any]:
    """Digests of the masks before each character of a text, as far as it fits."""
    sampler, rows = oracle.start(grammar), []
    for char in text:
        rows.append([char, mask_digest(oracle.mask(sampler, tokens))])
        for byte in char.encode():
            if not oracle.mask(sampler, [3 + byte])[0]:
                return rows
            oracle.accept(sampler, 3 + byte)
    return rows


def _by_tokens(oracle: _Oracle, grammar: str, tokens: list[int]) -> dict[str, Any]:
    """A walk by whole tokens: which was taken, the mask before it, whether the text may end."""
    rng, sampler, rows = random.Random(grammar), oracle.start(grammar), []
    for _ in range(20):
        mask = oracle.mask(sampler, tokens)
        allowed = [token for token, yes in zip(tokens, mask, strict=True) if yes]
        if not allowed:
            break
        token = rng.choice([*allowed[:20], rng.choice(allowed)])
        rows.append([token, mask_digest(mask), oracle.mask(sampler, [oracle.end])[0]])
        oracle.accept(sampler, token)
    return {"walk": rows}
