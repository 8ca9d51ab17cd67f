"""Block formats: worked examples, and bit equality with the `gguf` package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abi.errors import InputError, UnsupportedError
from abi.quant import CODECS, TYPES, Tensor, codec, decode, encode

gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")

PLAIN = ("F64", "I8", "I16", "I32", "I64")  # numbers, which the gguf package leaves to NumPy
UNKNOWN = ("Q1_0", "Q2_0", "Q8_1", "Q8_K")  # to the gguf package; see test_ggml.py
NAMES = sorted(set(CODECS) - {*PLAIN, *UNKNOWN})
MADE_BY_GGUF = (
    "BF16", "F16", "F32", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4", "TQ1_0", "TQ2_0",
)  # fmt: skip
# Below 1e-30 a block's inverse scale overflows, where ggml's C is undefined.
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def rows(block_size: int) -> st.SearchStrategy[Any]:
    widths = [32, 64, 96] if block_size <= 32 else [256]
    return hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.sampled_from(widths)),
        elements=NUMBERS.map(lambda x: x if abs(x) > 1e-30 else 0.0),
        fill=st.just(np.float32(0)),
    )


@pytest.mark.parametrize("name", sorted(TYPES))
def test_block_sizes_equal_ggufs(name: str) -> None:
    if name == "Q8_1":
        pytest.skip("the gguf package still has the withdrawn layout of 40 bytes; ggml has 36")
    if not hasattr(gguf.GGMLQuantizationType, name):
        pytest.skip("the installed gguf package does not know this type")
    number = gguf.GGMLQuantizationType[name]
    assert (TYPES[name].id, TYPES[name].block_size, TYPES[name].type_size) == (
        number.value, *gguf.GGML_QUANT_SIZES[number],
    )  # fmt: skip


@pytest.mark.parametrize("name", MADE_BY_GGUF)
@given(data=st.data())
def test_encode_is_bit_exact_with_gguf(name: str, data: Any) -> None:
    values = data.draw(rows(TYPES[name].block_size))
    with np.errstate(all="ignore"):
        expected = gguf.quantize(values, gguf.GGMLQuantizationType[name])
    assert bytes(encode(values, name)) == expected.tobytes()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_decode_is_bit_exact_with_gguf_on_any_bytes(name: str, data: Any) -> None:
    info = TYPES[name]
    n_blocks = max(1, 32 // info.block_size) * data.draw(st.integers(1, 4))
    raw = data.draw(hnp.arrays(np.uint8, n_blocks * info.type_size))
    with np.errstate(all="ignore"):
        expected = gguf.dequantize(raw.reshape(1, -1), gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(decode(raw, name), expected.reshape(-1))


def test_every_float16_decodes_as_numpy_converts_it() -> None:
    bits = np.arange(0x10000, dtype="<u2")
    for part in (bits, bits[:0x7C00], bits[0x8000:0xFC00]):  # with and without infinities
        got = decode(part.view(np.uint8), "F16")
        np.testing.assert_array_equal(got, part.view("<f2").astype(np.float32))
        assert (np.signbit(got) == (part >= 0x8000)).all()


@pytest.mark.parametrize(("name", "scale"), [("F32", 0), ("F16", 5e-4), ("BF16", 4e-3)])
def test_float_formats_keep_their_precision(name: str, scale: float) -> None:
    values = np.random.default_rng(0).standard_normal((8, 64), np.float32)
    error = np.abs(decode(encode(values, name), name) - values.reshape(-1))
    assert (error <= scale * np.abs(values).reshape(-1)).all()


@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
@pytest.mark.parametrize("tiny", [1e-45, 1e-38, -1e-39])
def test_blocks_of_tiny_numbers_decode_to_zero(name: str, tiny: float) -> None:
    values = np.zeros((1, 32), np.float32)
    values[0, 3] = tiny
    assert not decode(encode(values, name), name).any()


def test_q8_0_worked_example() -> None:
    values = np.zeros((1, 32), np.float32)
    values[0, :3] = 127, -63.5, 0.4
    raw = encode(values, "Q8_0")
    assert bytes(raw[:5]) == bytes([0x00, 0x3C, 127, 256 - 64, 0])  # scale 1.0, then quants
    np.testing.assert_array_equal(decode(raw, "Q8_0")[:3], [127, -64, 0])


def test_q4_0_worked_example() -> None:
    values = np.zeros((1, 32), np.float32)
    values[0, 0], values[0, 16] = -8, 7
    raw = encode(values, "Q4_0")
    # Scale 1.0; element 0 is the low nibble of byte 2, element 16 its high nibble.
    assert bytes(raw[:3]) == bytes([0x00, 0x3C, 15 << 4 | 0])
    np.testing.assert_array_equal(decode(raw, "Q4_0"), values[0])


def test_a_row_that_is_no_whole_number_of_blocks_is_refused() -> None:
    with pytest.raises(InputError, match=r"blk\.0\.x: row of 33 .* Q8_0 block \(32\)"):
        Tensor.from_array("blk.0.x", np.zeros((2, 33)), "Q8_0")


@pytest.mark.parametrize("name", PLAIN)
def test_plain_numbers_are_what_numpy_makes_of_them(name: str) -> None:
    values = np.array([[-100.0, 0, 3, 100]], np.float32)
    assert encode(values, name).nbytes == 4 * TYPES[name].type_size
    np.testing.assert_array_equal(decode(encode(values, name), name), values[0])


@pytest.mark.parametrize("name", [name for name in CODECS if not CODECS[name].encodes])
def test_what_can_only_be_read_says_so(name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{name} can be read, but not made, which needs"):
        encode(np.zeros((1, 256)), name)


def test_every_type_can_be_read() -> None:
    assert set(CODECS) == set(TYPES)


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="Q9 is unknown; known: F32, F16"):
        codec("Q9")


def test_rows_of_a_tensor_equal_the_same_rows_of_the_whole() -> None:
    tensor = Tensor.from_array("w", np.random.default_rng(1).standard_normal((7, 64)), "Q4_0")
    np.testing.assert_array_equal(tensor.rows(2, 5), tensor.to_float32()[2:5])


def test_a_tensor_may_make_its_bytes_when_asked() -> None:
    calls = []

    def make() -> Any:
        calls.append(1)
        return encode(np.ones((2, 32)), "Q8_0")

    tensor = Tensor("w", (2, 32), TYPES["Q8_0"], make)
    assert (tensor.n_bytes, calls) == (68, [])
    assert tensor.to_float32().sum() == pytest.approx(64, rel=1e-3)
