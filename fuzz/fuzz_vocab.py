"""Fuzz the metadata that tokenisers are made from.

Invariant: any mapping gives a tokeniser or one AbiError with a message; a tokeniser that is
given encodes and decodes any bytes, or says what is wrong with its metadata.
"""

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["abi.tokenizer"]):
    from abi.errors import AbiError
    from abi.tokenizer import PRETOKENIZERS, Tokenizer

KINDS = ("llama", "gpt2", "bert", "t5", "rwkv", "plamo2", "gemma4", "whitespace", "hybriddna")
FLAGS = (
    "add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix",
    "remove_extra_whitespaces", "normalizer.lowercase", "normalizer.strip_accents",
)  # fmt: skip
ROLES = ("bos", "eos", "unknown", "seperator", "padding", "mask", "eot", "fim_pad")
HEADS = [
    [f"<0x{b:02X}>" for b in range(256)],
    [repr(bytes([b]))[2:-1] for b in range(256)],
    ["<dna>", "</dna>", "<oov>", "ACGTAA\ue000"],
    [],
]


def text_of(fdp):
    raw = fdp.ConsumeBytes(fdp.ConsumeIntInRange(0, 8))
    return raw.decode("utf-8", "surrogateescape")


def odd(fdp):
    """A value of no type that is expected."""
    return fdp.PickValueInList([None, 3, -1, 2**32 - 1, "x", [], [1], b"", np.zeros(3), 1.5, {}])


def array(fdp, n, dtype):
    if fdp.ConsumeProbability() < 0.1:
        return odd(fdp)
    length = n if fdp.ConsumeProbability() < 0.9 else fdp.ConsumeIntInRange(0, 5)
    pool = (
        [1, 1, 1, 2, 3, 4, 5, 6, 0, 9] if dtype == np.int32 else [-1, -2.5, 0, np.inf, np.nan, 1e38]
    )
    few = [fdp.PickValueInList(pool) for _ in range(min(length, 24))]
    return np.resize(np.array(few or [1], dtype), length)


def metadata_of(fdp):
    head = fdp.PickValueInList(HEADS)
    tokens = [*head, *(text_of(fdp) for _ in range(fdp.ConsumeIntInRange(0, 40)))]
    pairs = [text_of(fdp) + " " + text_of(fdp) for _ in range(fdp.ConsumeIntInRange(0, 12))]
    names = [*PRETOKENIZERS, "nonsense"]
    keys = {
        "model": fdp.PickValueInList(list(KINDS)),
        "pre": fdp.PickValueInList(names) if fdp.ConsumeBool() else "qwen2",
        "tokens": tokens if fdp.ConsumeProbability() < 0.95 else odd(fdp),
        "merges": pairs if fdp.ConsumeProbability() < 0.95 else odd(fdp),
    }
    if head is HEADS[0] and fdp.ConsumeBool():
        keys["token_type"] = np.array([6] * 256 + [1] * (len(tokens) - 256), np.int32)
    elif fdp.ConsumeBool():
        keys["token_type"] = array(fdp, len(tokens), np.int32)
    if fdp.ConsumeBool():
        keys["scores"] = array(fdp, len(tokens), np.float32)
    if fdp.ConsumeBool():
        raw = fdp.ConsumeBytes(fdp.ConsumeIntInRange(0, 200))
        size = (len(raw) // 2).to_bytes(4, "little") if fdp.ConsumeBool() else b""
        keys["precompiled_charsmap"] = np.frombuffer(size + raw, np.uint8)
    for name in FLAGS:
        if fdp.ConsumeProbability() < 0.2:
            keys[name] = fdp.ConsumeBool() if fdp.ConsumeProbability() < 0.9 else odd(fdp)
    for name in ROLES:
        if fdp.ConsumeProbability() < 0.4:
            keys[f"{name}_token_id"] = fdp.ConsumeIntInRange(0, 300)
    return {f"tokenizer.ggml.{key}": value for key, value in keys.items() if value is not None}


def one_input(data: bytes) -> None:
    fdp = atheris.FuzzedDataProvider(data)
    metadata = metadata_of(fdp)
    try:
        tokenizer = Tokenizer.from_metadata(metadata)
        raw = fdp.ConsumeBytes(100)
        for flag in (False, True):
            ids = tokenizer.encode(raw, flag, flag)
            assert all(0 <= i < len(tokenizer) for i in ids)
            tokenizer.decode(ids, special=flag)
            tokenizer.detokenize(ids, remove_special=flag, unparse_special=flag)
    except AbiError as error:
        if not str(error) or "\n" in str(error):
            raise AssertionError("an error says what is wrong, in one line") from error


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
