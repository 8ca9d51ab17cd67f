"""Every format against what ggml itself made of the same numbers and bytes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from abi.quant import CODECS, TYPES, decode, encode
from tests.oracle.cases import DATA
from tests.oracle.quantize_cases import (
    CASES,
    DECODED,
    MADE,
    block_digest,
    blocks,
    expand_digest,
    numbers,
)

RECORDED = json.loads((DATA / "llama-quantize.json").read_text())


# ggml shifts what follows a group of zeros in a block of IQ3_S.
COMPARED = [(n, c) for n in MADE for c in CASES if (n, c) != ("IQ3_S", "sparse")]


@pytest.mark.parametrize(("name", "case"), COMPARED)
def test_encode_gives_ggmls_bytes(name: str, case: str) -> None:
    assert block_digest(encode(numbers(case), name)) == RECORDED["blocks"][f"{name} {case}"]


@pytest.mark.parametrize("name", DECODED)
def test_decode_gives_ggmls_values(name: str) -> None:
    assert expand_digest(decode(blocks(name), name)) == RECORDED["expanded"][name]


def test_a_group_of_zeros_leaves_the_others_of_its_block_as_they_are() -> None:
    values: Any = numbers("normal").copy()
    whole = decode(encode(values, "IQ3_S"), "IQ3_S").reshape(values.shape)
    values[:, :32] = 0
    got = decode(encode(values, "IQ3_S"), "IQ3_S").reshape(values.shape)
    error, before = (np.square(v[:, 32:] - values[:, 32:]).mean() for v in (got, whole))
    assert error < 1.05 * before


def test_every_type_with_blocks_is_compared() -> None:
    made = {name for name, codec in CODECS.items() if codec.encodes and TYPES[name].block_size > 1}
    assert made == set(MADE)
    assert {name for name in CODECS if TYPES[name].block_size > 1} == {*DECODED, "Q8_1"}


@pytest.mark.parametrize("name", MADE)
def test_a_block_is_encoded_alike_wherever_it_stands(name: str) -> None:
    values = np.concatenate([numbers("normal"), numbers("groups")])
    raw = encode(values, name).reshape(len(values), -1)
    size = TYPES[name].block_size
    for i in (0, 95, 96, 191):
        np.testing.assert_array_equal(encode(values[i : i + 1], name), raw[i])
        first = encode(values[i, :size], name)
        np.testing.assert_array_equal(first, raw[i, : TYPES[name].type_size])


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_encoded_to_nothing(name: str) -> None:
    assert encode(np.zeros((0, 256), np.float32), name).shape == (0,)
    values = np.zeros((0, TYPES[name].block_size), np.float32)
    assert CODECS[name].encode(values).shape == (0, TYPES[name].type_size)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_does_not_fit_is_encoded_to_something(name: str, value: float) -> None:
    values: Any = numbers("normal")[:2].copy()
    values[0, 5] = value
    raw = encode(values, name)
    assert raw.size == TYPES[name].n_bytes(512)
    np.testing.assert_array_equal(raw[raw.size // 2 :], encode(values[1:], name))
