"""WordPiece, Unigram, RWKV, PLaMo-2 and the relatives of BPE, on vocabularies worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import FormatError, InputError, UnsupportedError
from abi.tokenizer import Tokenizer
from abi.tokenizer._rwkv import unescape
from tests.oracle.charsmap import compile_charsmap
from tests.tokenizer.vocab import BYTES, bpe, make, plamo2, rwkv, spm, unigram, wordpiece

# ids:      3        4         5      6      7       8     9
WORDS = ["\u2581un", "\u2581aff", "able", "aff", "\u2581!", "\u2581é", "\u2581e"]


def test_wordpiece_takes_the_longest_token_each_time() -> None:
    assert wordpiece(WORDS).encode("unaffable", add_special=False) == [3, 6, 5]


def test_wordpiece_gives_a_word_up_whole() -> None:
    assert wordpiece(WORDS).encode("unaffordable un", add_special=False) == [0, 3]


def test_wordpiece_adds_cls_and_sep_whatever_the_flags_say() -> None:
    tokenizer = wordpiece(WORDS, add_bos_token=False)
    assert tokenizer.encode("un") == [1, 3, 2]


def test_wordpiece_lowers_and_strips_accents_by_default() -> None:
    assert wordpiece(WORDS).encode("UN É\u0301", add_special=False) == [3, 9]
    kept = wordpiece(WORDS, **{"normalizer.strip_accents": False})
    assert kept.encode("UN É", add_special=False) == [3, 8]
    cased = wordpiece(WORDS, **{"normalizer.lowercase": False})
    assert cased.encode("UN un", add_special=False) == [0, 3]


def test_wordpiece_makes_words_of_punctuation_and_chinese_characters() -> None:
    tokenizer = wordpiece([*WORDS, "\u2581日", "\u2581本"])
    assert tokenizer.encode("un!日本", add_special=False) == [3, 7, 10, 11]


def test_wordpiece_drops_control_characters() -> None:
    assert wordpiece(WORDS).encode("u\x00n\u200b\ufffd", add_special=False) == [3]


def test_wordpiece_text_is_cleaned_as_berts_is() -> None:
    tokenizer = wordpiece(WORDS)
    ids = tokenizer.encode("un!", add_special=False)
    assert tokenizer.decode(ids) == " un !"
    assert tokenizer.detokenize(ids) == b" un!"


# ids:            3        4      5      6     7
PIECES = {"\u2581ab": -3.0, "\u2581": -1.0, "a": -1.5, "b": -1.5, "ab": -1.0}


def test_unigram_takes_the_best_sum() -> None:
    tokenizer = unigram(PIECES, add_space_prefix=True)
    # "▁" + "ab" is -2, "▁ab" -3, "▁" + "a" + "b" -4.
    assert tokenizer.encode("ab", add_special=False) == [4, 7]
    assert tokenizer.encode("ab") == [4, 7, 1]


def test_unigram_prefers_the_first_of_equals() -> None:
    # "ab" + "a" and "a" + "ba" are both -3; the shorter first token reaches the end later.
    tokenizer = unigram({"a": -1.0, "ab": -2.0, "ba": -2.0})
    assert tokenizer.encode("aba", add_special=False) == [3, 5]


def test_unigram_joins_unknown_characters_across_words() -> None:
    tokenizer = unigram({"\u2581": -1.0, "a": -1.0})
    assert tokenizer.encode("aéßa", add_special=False) == [4, 2, 4]
    without = unigram({"a": -1.0})
    assert without.encode("a é ß a", add_special=False) == [3, 2, 3]


def test_unigram_counts_user_defined_tokens_as_free() -> None:
    tokenizer = unigram({"a": -1.0, "b": -1.0, "ab": -9.0}, [1, 1, 4])
    assert tokenizer.encode("ab", add_special=False) == [5]


def test_unigram_merges_spaces_when_the_file_says_so() -> None:
    merged = unigram(PIECES, remove_extra_whitespaces=True)
    assert merged.encode("  ab  ab ", add_special=False) == [4, 7, 4, 7]
    assert unigram(PIECES).encode("ab  a", add_special=False) == [7, 4, 4, 5]


def test_unigram_normalises_by_the_compiled_map() -> None:
    blob = compile_charsmap({"Ａ": "a", "a\u0301": "b", "\t": " ", "\u00ad": ""})
    tokenizer = unigram(PIECES, precompiled_charsmap=blob)
    # The longest key wins: "a" with an accent is "b", alone it stays.
    assert tokenizer.encode("Ａa\u0301", add_special=False) == [7]
    assert tokenizer.encode("a\tb\u00adb", add_special=False) == [5, 4, 6, 6]


def test_unigram_does_not_normalise_what_begins_a_user_defined_token() -> None:
    blob = compile_charsmap({"é": "b"})
    tokenizer = unigram({"a": -1.0, "b": -1.0, "èx": 0.0}, [1, 1, 4], precompiled_charsmap=blob)
    # The first byte of "é" is also that of "èx" and stays; the second one is no character.
    assert tokenizer.encode("é", add_special=False) == [2]
    assert tokenizer.encode("aéa", add_special=False) == [3, 2, 3]


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (np.zeros(3, np.uint8), "does not fit into the 3 bytes"),
        (np.array([8, 0, 0, 0, 1], np.uint8), "its trie of 8 bytes does not fit"),
        (np.zeros(9, np.float32), "expected an array of bytes"),
        ([1, 2], "expected an array of bytes"),
        (np.array([4, 0, 0, 0, 0, 0x84, 0, 0, 0], np.uint8), "leads to node 64 of 1"),
    ],
)
def test_a_bad_compiled_map_is_refused(blob: object, words: str) -> None:
    with pytest.raises(FormatError, match=f"precompiled_charsmap: .*{words}"):
        unigram(PIECES, precompiled_charsmap=blob).encode("a")


def test_a_replacement_without_an_end_is_refused() -> None:
    blob = compile_charsmap({"a": "b"})[:-1]
    with pytest.raises(FormatError, match="a replacement at 0 does not end"):
        unigram(PIECES, precompiled_charsmap=blob).encode("a")


def test_rwkv_takes_the_longest_token_each_time() -> None:
    tokenizer = rwkv(["th", "the", " the", "\\xe6\\x97"])
    assert tokenizer.encode("the the") == [258, 259]
    # A token may end within a character.
    assert tokenizer.encode("日") == [260, 1 + 0xA5]
    assert tokenizer.decode([260, 1 + 0xA5]) == "日"


@pytest.mark.parametrize(
    ("text", "raw"),
    [(rb"a\n\t\r", b"a\n\t\r"), (rb"\x41\\\'", b"A\\'"), (rb"\xe6\x97", b"\xe6\x97"), (b"\\", b"")],
)
def test_rwkv_tokens_are_unescaped(text: bytes, raw: bytes) -> None:
    assert unescape(text) == raw


@given(st.binary(max_size=60))
def test_rwkv_loses_no_byte(raw: bytes) -> None:
    tokenizer = rwkv(["ab", " ab", "\\xe6\\x97", "c d"])
    assert b"".join(map(tokenizer.piece, tokenizer.encode(raw))) == raw


def test_plamo2_takes_the_best_sum_and_bytes_for_the_rest() -> None:
    tokenizer = plamo2({"a": -1.0, "b": -1.0, "ab": -1.5})
    assert tokenizer.encode("aba") == [262, 260]
    assert tokenizer.encode("\ufeffaé") == [260, 4 + 0xC3, 4 + 0xA9]


def test_gemma4_merges_characters_and_keeps_runs_of_newlines() -> None:
    tokens = ["<s>", "\u2581", "a", "b", "\u2581a", "\n", "\n\n", *BYTES]
    kinds = [3, *[1] * 6, *[6] * 256]
    tokenizer = make("gemma4", tokens, kinds, merges=["\u2581 a"], bos_token_id=0)
    assert tokenizer.encode("b a\n\na") == [0, 3, 4, 6, 2]
    assert tokenizer.encode("é", add_special=False) == [7 + 0xC3, 7 + 0xA9]
    assert tokenizer.decode([3, 4, 7 + 0xC3, 7 + 0xA9]) == "b aé"


def test_gemma4_starts_with_a_start_token_whatever_the_file_says() -> None:
    metadata = {"merges": ["a b"], "bos_token_id": 0, "add_bos_token": False}
    assert make("gemma4", ["<s>", "a"], [3, 1], **metadata).encode("a") == [0, 1]


def test_whitespace_parts_words_and_goes() -> None:
    tokens, merges = ["a", "b", "ab"], ["a b"]
    cased = make("whitespace", tokens, [1] * 3, pre="whitespace", merges=merges)
    assert cased.encode("ab\u3000a AB") == [2, 0]
    lowered = make("whitespace", tokens, [1] * 3, pre="qwen2", merges=merges)
    assert lowered.encode("AB a") == [2, 0]


def test_dna_goes_by_sixes_between_its_marks() -> None:
    tokens = ["a", "<dna>", "</dna>", "<oov>", "ACGTAC\ue000", "GAAAAA\ue000"]
    tokenizer = make("hybriddna", tokens, [1] * 6, pre="qwen2", merges=["a a"])
    assert tokenizer.encode("a<dna>acgtacG</dna>a<dna>XX") == [0, 1, 4, 5, 2, 0, 1, 3]
    assert tokenizer.piece(4) == b"ACGTAC"


def test_the_text_of_an_odd_token_is_spelt_as_llama_cpp_spells_it() -> None:
    assert bpe(["a b"], ["a b"]).piece(0) == b"a[UNK_BYTE_0x20a b]b"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" a , b . c ! d ?", " a, b. c! d?"),
        ("it 's we 're i 'm you 've", "it's we're i'm you've"),
        ("don 't he 'd they 'll", "don 't he 'd they 'll"),
        ("a ' b", "a'b"),
        ("a  , b", "a , b"),
    ],
)
def test_spaces_are_cleaned_in_llama_cpps_order(text: str, cleaned: str) -> None:
    chars = sorted(set(text) - {" "})
    tokenizer = bpe([*chars, "Ġ"], ["x x"])
    ids = tokenizer.encode(text, add_special=False)
    assert tokenizer.decode(ids) == text
    assert tokenizer.detokenize(ids) == cleaned.encode()


def test_detokenize_leaves_added_tokens_out() -> None:
    pieces = {"\u2581ab": -1.0, "ab": -2.0, "a": -3.0, "b": -3.0, "\u2581": -3.0}
    tokenizer = spm(pieces, add_eos_token=True)
    ids = tokenizer.encode("ab")
    assert ids == [1, 259, 2]
    assert tokenizer.detokenize(ids, unparse_special=True) == b"<s> ab</s>"
    # llama.cpp keeps the space once it has taken the start token away.
    assert tokenizer.detokenize(ids, remove_special=True, unparse_special=True) == b" ab"
    assert tokenizer.detokenize([259]) == b"ab"


def test_a_mask_takes_the_space_before_it() -> None:
    metadata = {
        "general.architecture": "nomic-bert-moe",
        "tokenizer.ggml.model": "t5",
        "tokenizer.ggml.tokens": ["<pad>", "</s>", "<unk>", "<mask>", "a"],
        "tokenizer.ggml.token_type": np.array([3, 3, 2, 3, 1]),
        "tokenizer.ggml.scores": np.array([0, 0, 0, 0, -1], np.float32),
    }
    tokenizer = Tokenizer.from_metadata(metadata)
    assert tokenizer.encode("a <mask>", add_special=False, parse_special=True) == [4, 3]


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("rwkv", {}, "no token for byte 0x00"),
        ("plamo2", {}, "no token typed as byte 0x00"),
        ("bert", {}, "unknown_token_id: names no token, and WordPiece has one"),
        ("t5", {}, "unknown_token_id: names no token, and Unigram has one"),
        ("gemma4", {}, "tokenizer.ggml.merges: expected a list"),
        ("llama", {"scores": np.array([np.nan, 0])}, "the score of token 0 is not a number"),
        ("bert", {"normalizer.lowercase": 1}, "normalizer.lowercase: expected a BOOL"),
        ("t5", {"scores": np.array([1.0])}, "expected an array of 2 numbers"),
        ("t5", {"token_type": [1, 1]}, "expected an array of 2 numbers"),
        ("t5", {"tokens": ["a", 3]}, "expected a list of strings"),
    ],
)
def test_bad_metadata_is_refused(model: str, change: dict[str, object], words: str) -> None:
    metadata = {"model": model, "tokens": ["a", "b"], **change}
    with pytest.raises(FormatError, match=words):
        Tokenizer.from_metadata({f"tokenizer.ggml.{key}": v for key, v in metadata.items()})


def test_a_plamo2_score_that_means_unknown_is_refused() -> None:
    with pytest.raises(FormatError, match="the score of token 260 is -1000"):
        plamo2({"a": -1000.0})


def test_kinds_without_a_pretokenizer_take_none() -> None:
    with pytest.raises(InputError, match="this model has a RWKV tokeniser, which takes none"):
        Tokenizer.from_metadata({"tokenizer.ggml.model": "rwkv"}, pre="qwen2")
    with pytest.raises(UnsupportedError, match="supported: llama, bert, t5, rwkv, plamo2, gpt2"):
        Tokenizer.from_metadata({"tokenizer.ggml.model": "none"})


def test_kimi_k2_needs_no_merges() -> None:
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "kimi-k2",
        "tokenizer.ggml.tokens": ["a", "b"],
    }
    assert Tokenizer.from_metadata(metadata).encode("ab") == [0, 1]
