"""Merging, special tokens, byte fallback and errors, on vocabularies worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import FormatError, InputError, UnsupportedError
from abi.tokenizer import StreamDecoder, Tokenizer
from abi.tokenizer._merge import merge
from tests.tokenizer.vocab import bpe, spm

# ids:                   259       260       261        262         263        264
SPM = {"\u2581": -9, "a": -5, "b": -6, "ab": -1, "\u2581a": -2, "\u2581ab": -3}


def test_spm_joins_the_highest_score_first() -> None:
    # "▁ab": "ab" (-1) beats "▁a" (-2); then "▁" + "ab" is "▁ab".
    assert spm(SPM).encode("ab", add_special=False) == [264]
    # "▁ba": no pair of "▁b" or "ba" is a token.
    assert spm(SPM).encode("ba", add_special=False) == [259, 261, 260]


def test_spm_prefers_the_left_of_equals() -> None:
    tokenizer = spm({"a": -9, "aa": -1}, add_space_prefix=False)
    assert tokenizer.encode("aaa", add_special=False) == [260, 259]


def test_spm_falls_back_to_bytes() -> None:
    assert spm(SPM, add_space_prefix=False).encode("aé", add_special=False) == [
        260, 3 + 0xC3, 3 + 0xA9,
    ]  # fmt: skip


def test_spm_takes_bytes_that_are_not_utf8() -> None:
    tokenizer = spm(SPM, add_space_prefix=False)
    assert tokenizer.encode(b"a\x80b", add_special=False) == [260, 3 + 0x80, 261]
    # A first byte takes as many bytes as it announces, whatever they are.
    assert tokenizer.encode(b"\xe2ab", add_special=False) == [3 + 0xE2, 3 + 0x61, 3 + 0x62]
    assert tokenizer.encode("a\udc80b", add_special=False) == [260, 3 + 0x80, 261]


def test_spm_with_tokens_across_spaces_is_not_cut_at_spaces() -> None:
    tokenizer = spm({**SPM, "b\u2581": -0.5}, add_space_prefix=False)
    assert tokenizer.encode("ab a", add_special=False) == [260, 265, 260]


@pytest.mark.parametrize(("bos", "eos"), [(True, False), (False, True), (True, True)])
def test_start_and_end_tokens_follow_the_file(bos: bool, eos: bool) -> None:
    tokenizer = spm(SPM, add_bos_token=bos, add_eos_token=eos)
    assert tokenizer.encode("ab") == [1] * bos + [264] + [2] * eos
    assert tokenizer.encode("") == [1] * bos + [2] * eos


def test_control_tokens_are_read_only_when_asked() -> None:
    tokenizer = spm(SPM)
    assert tokenizer.encode("ab</s>ab", add_special=False, parse_special=True) == [264, 2, 264]
    assert 2 not in tokenizer.encode("ab</s>ab", add_special=False)


def test_user_defined_tokens_are_always_cut_out() -> None:
    tokens = ["<unk>", *(f"<0x{b:02X}>" for b in range(256)), "\u2581", "a", "<tool>"]
    types = np.array([2] + [6] * 256 + [1, 1, 4])
    tokenizer = Tokenizer.from_metadata(
        {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": types,
            "tokenizer.ggml.add_bos_token": False,
        }
    )
    # A space is put before the text that follows a special token, too.
    assert tokenizer.encode("a<tool>a") == [257, 258, 259, 257, 258]


# ids:  0    1    2    3    4     5      6
BPE = ["a", "b", "c", "Ġ", "ab", "bc", "Ġab", "abc", "<|end|>"]


def test_bpe_joins_by_rank() -> None:
    tokenizer = bpe(BPE, ["b c", "a b", "Ġ ab"])
    assert tokenizer.encode("abc") == [0, 5]  # "bc" ranks before "ab"
    assert tokenizer.encode("ab ab") == [4, 6]


def test_llama3_takes_a_whole_word_that_is_a_token() -> None:
    merges = ["b c", "a b", "Ġ ab"]
    assert bpe(BPE, merges).encode("abc") == [0, 5]
    tokenizer = bpe(BPE, merges, pre="llama-bpe", bos_token_id=8)
    assert tokenizer.encode("abc") == [8, 7]


def test_bpe_drops_bytes_that_have_no_token() -> None:
    assert bpe(BPE, ["a b"]).encode("azb") == [0, 1]


def test_bpe_reads_bad_utf8_as_replacement_characters() -> None:
    tokens = ["a", "ï", "¿", "½"]  # the bytes of U+FFFD in the alphabet
    assert bpe(tokens, ["x x"]).encode(b"a\xffa") == [0, 1, 2, 3, 0]


def test_decode_leaves_control_tokens_out() -> None:
    tokenizer = spm(SPM)
    assert tokenizer.decode([1, 264, 2]) == "ab"
    assert tokenizer.decode([1, 264, 2], special=True) == "<s> ab</s>"


def test_end_of_generation_is_found_by_text() -> None:
    assert bpe(BPE, ["a b"], eos_token_id=0).vocab.eog == {0, 8}


@given(st.binary(max_size=30))
def test_any_bytes_survive_a_stream_of_spm_bytes(raw: bytes) -> None:
    tokenizer = spm({"\u2581": -1}, add_space_prefix=False)
    ids = tokenizer.encode(raw, add_special=False)
    pieces = b"".join(map(tokenizer.piece, ids))
    # Bad UTF-8 may swallow the first byte of an escaped space, which then comes back as it is.
    space = "\u2581".encode()
    assert pieces.replace(space, b" ") == raw.replace(space, b" ")
    stream = StreamDecoder(tokenizer)
    text = "".join(stream.feed(i) for i in ids) + stream.flush()
    assert text == pieces.decode("utf-8", "replace")


def test_a_stream_never_gives_half_a_character() -> None:
    tokenizer = spm(SPM, add_space_prefix=False)
    stream = StreamDecoder(tokenizer)
    pieces = [stream.feed(i) for i in tokenizer.encode("é👍", add_special=False)]
    assert pieces == ["", "é", "", "", "", "👍"]
    assert stream.feed(3 + 0xE2) == ""
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": None}, FormatError, "tokenizer.ggml.model: missing"),
        ({"model": "magic"}, UnsupportedError, "'magic' is not supported"),
        ({"pre": None}, FormatError, "names no pre-tokeniser; pass tokenizer_pre="),
        ({"pre": "gpt-9"}, UnsupportedError, "unknown pre-tokeniser 'gpt-9'"),
        ({"tokens": None}, FormatError, "has no vocabulary"),
        ({"merges": None}, FormatError, "tokenizer.ggml.merges: expected a list"),
        ({"merges": ["ab"]}, FormatError, "merge 0 is 'ab', expected two parts"),
        ({"token_type": np.array([1.0])}, FormatError, "expected an array of 9 numbers"),
        ({"bos_token_id": 9}, FormatError, "expected an id below 9, got 9"),
        ({"add_bos_token": 1}, FormatError, "expected a BOOL"),
    ],
)
def test_bad_metadata_is_refused(
    change: dict[str, object], error: type[Exception], words: str
) -> None:
    metadata: dict[str, object] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": BPE,
        "tokenizer.ggml.merges": ["a b"],
    }
    metadata |= {f"tokenizer.ggml.{key}": value for key, value in change.items()}
    with pytest.raises(error, match=words):
        Tokenizer.from_metadata({k: v for k, v in metadata.items() if v is not None})


def test_another_pretokenizer_can_be_asked_for() -> None:
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": BPE,
        "tokenizer.ggml.merges": ["a b"],
    }
    assert Tokenizer.from_metadata(metadata, pre="gpt-2").encode("ab") == [4]


def test_spm_without_byte_tokens_is_refused() -> None:
    metadata = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["a", "b"]}
    with pytest.raises(FormatError, match="no token for byte 0x00"):
        Tokenizer.from_metadata(metadata)


def test_a_byte_token_without_a_byte_is_refused() -> None:
    with pytest.raises(FormatError, match="'odd' is typed as a byte"):
        Tokenizer.from_metadata(
            {
                "tokenizer.ggml.model": "llama",
                "tokenizer.ggml.tokens": [*(f"<0x{b:02X}>" for b in range(256)), "odd"],
                "tokenizer.ggml.token_type": np.array([6] * 257),
            }
        )


def test_lone_surrogates_and_unknown_ids_are_refused() -> None:
    with pytest.raises(InputError, match=r"lone surrogate U\+D83D at character 2"):
        spm(SPM).encode("ab\ud83d")
    with pytest.raises(InputError, match="token 265 is not in the vocabulary"):
        spm(SPM).decode([265])


def test_merge_handles_long_runs() -> None:
    costs = {"a" * 2**n: float(-n) for n in range(1, 11)}
    assert merge(["a"] * 1024, lambda a, b: costs.get(a + b)) == ["a" * 1024]
