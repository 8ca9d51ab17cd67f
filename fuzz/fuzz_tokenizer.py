"""Fuzz the tokenisers, every kind by its own small vocabulary.

Invariant: any bytes become ids of the vocabulary, the same ones a second time when words are
remembered, and a stream of them gives the text of their bytes. SentencePiece, byte-level BPE,
RWKV and PLaMo-2 lose nothing: their pieces joined are the bytes, as far as they are UTF-8.
"""

import string
import sys
from functools import partial

import atheris
import numpy as np

with atheris.instrument_imports(include=["abi.tokenizer"]):
    import abi
    from abi.tokenizer import StreamDecoder, Tokenizer
    from abi.tokenizer._unicode import decode_lenient

SPACE = "\u2581"
BYTES = [f"<0x{b:02X}>" for b in range(256)]
WORDS = [
    "the",
    "th",
    "he",
    "in",
    "ing",
    "an",
    "and",
    "a b",
    "  ",
    "\n\n",
    "é",
    "日本",
    "👍",
    "<tool>",
]
WORDS += ["fi", "don't", "...", "12", "2024", SPACE, SPACE + "t", SPACE + "the", "e" + SPACE]


def make(model, rows, **more):
    texts, kinds = zip(*dict(rows).items(), strict=True)
    scores = [-float(i % 17) - 1 for i in range(len(texts))]
    keys = {"model": model, "tokens": list(texts), "scores": np.array(scores, np.float32)}
    keys |= {"token_type": np.array(kinds, np.int32), **more}
    return Tokenizer.from_metadata({f"tokenizer.ggml.{k}": v for k, v in keys.items()})


def rows(kind=1, head=("<unk>", "<s>", "</s>"), words=WORDS):
    yield from ((text, 2 if i == 0 else 3) for i, text in enumerate(head))
    yield from ((text, 6) for text in BYTES)
    yield from ((char, kind) for char in string.printable)
    yield from ((word, 4 if word == "<tool>" else kind) for word in words)


def escaped():
    yield "<s>", 3
    yield from ((repr(bytes([b]))[2:-1], 1) for b in range(256))
    yield from ((repr(word.encode())[2:-1], 1) for word in WORDS)
    yield "\\xe6\\x97", 1


ALPHABET = [*map(chr, range(0x21, 0x7F)), *map(chr, range(0xA1, 0x144))]
MERGES = ["t h", "th e", "Ġ the", "i n", "in g", "Ã ©", "1 2", "Ġ Ġ"]
PLAIN_MERGES = ["t h", "th e", "▁ the", "i n", "in g", "1 2", "▁ ▁"]
SPM = abi.load(kernels="numpy").tokenizer
BPE = [
    make("gpt2", ((t, 1) for t in [*ALPHABET, *(m.replace(" ", "") for m in MERGES)]),
         pre=pre, merges=MERGES, bos_token_id=0)
    for pre in ("llama-bpe", "gpt-4o", "deepseek-llm", "afmoe", "superbpe", "exaone-moe", "viking")
]  # fmt: skip
CHARACTERS = make("gpt2", rows(), pre="gemma4", merges=PLAIN_MERGES, bos_token_id=1)
RWKV = make("rwkv", escaped())
PLAMO2 = make("plamo2", rows(words=WORDS[:-4]))
UNIGRAM = make("t5", rows(), unknown_token_id=0, add_space_prefix=True)
WORDPIECE = make("bert", rows(), unknown_token_id=0)
SPLIT = make("whitespace", rows(), pre="whitespace", merges=PLAIN_MERGES, bos_token_id=1)


def check(tokenizer, data):
    ids = tokenizer.encode(data, add_special=False)
    assert all(0 <= i < len(tokenizer) for i in ids)
    assert tokenizer.encode(data, add_special=False) == ids
    raw = b"".join(map(tokenizer.piece, ids))
    stream = StreamDecoder(tokenizer, special=True)
    text = "".join(stream.feed(i) for i in ids) + stream.flush()
    assert text == raw.decode("utf-8", "replace"), (text, raw)
    tokenizer.detokenize(ids, remove_special=True)
    return raw


def spm_keeps(data):
    # Bad UTF-8 may swallow the first byte of an escaped space, which then comes back as it is.
    space = SPACE.encode()
    raw = check(SPM, data).removeprefix(b" ")
    assert raw.replace(space, b" ") == data.replace(space, b" "), (raw, data)


def text_is_kept(tokenizer, data):
    readable = decode_lenient(data).encode("utf-8", "surrogatepass")
    if tokenizer is PLAMO2:
        readable = readable.removeprefix("\ufeff".encode())
    assert check(tokenizer, data) == readable, tokenizer


def bytes_are_kept(data):
    assert check(RWKV, data) == data


CHECKS = [spm_keeps, bytes_are_kept]
CHECKS += [partial(text_is_kept, tokenizer) for tokenizer in (*BPE, PLAMO2)]
CHECKS += [partial(check, tokenizer) for tokenizer in (CHARACTERS, UNIGRAM, WORDPIECE, SPLIT)]


def one_input(data: bytes) -> None:
    """The first byte chooses the tokeniser, the rest is the text."""
    CHECKS[data[0] % len(CHECKS) if data else 0](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
