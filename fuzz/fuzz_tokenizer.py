"""Fuzz the tokenisers.

Invariant: any bytes become ids of the vocabulary. SentencePiece loses no byte. Text that
was cut by special tokens gives the same ids as its parts.
"""

import sys

import atheris

with atheris.instrument_imports(include=["abi.tokenizer"]):
    import abi
    from abi.tokenizer import StreamDecoder, Tokenizer

SPACE = "\u2581".encode()
SPM = abi.load(kernels="numpy").tokenizer
BPE = Tokenizer.from_metadata(
    {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": [*map(chr, range(0x21, 0x143)), "th", "the", "Ġthe"],
        "tokenizer.ggml.merges": ["t h", "th e", "Ġ the"],
    }
)


def one_input(data: bytes) -> None:
    for tokenizer in (SPM, BPE):
        ids = tokenizer.encode(data, add_special=False)
        assert all(0 <= i < len(tokenizer) for i in ids)
        stream = StreamDecoder(tokenizer)
        text = "".join(stream.feed(i) for i in ids) + stream.flush()
        assert text == b"".join(map(tokenizer.piece, ids)).decode("utf-8", "replace")
    ids = SPM.encode(data, add_special=False)
    raw = b"".join(map(SPM.piece, ids)).removeprefix(b" ")
    # Bad UTF-8 may swallow the first byte of an escaped space, which then comes back as it is.
    assert raw.replace(SPACE, b" ") == data.replace(SPACE, b" "), (raw, data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
