"""The tensor types that mixes choose, against those that llama.cpp chose."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from abi.convert import MIXES, QuantizeOptions, plan_quantize
from abi.errors import InputError, UnsupportedError
from abi.gguf import read, write
from abi.quant import Tensor
from tests.oracle.cases import DATA
from tests.oracle.quantize_cases import OPTIONS, SKELETONS, Skeleton, skeleton_bytes, type_codes

RECORDED = json.loads((DATA / "llama-quantize.json").read_text())
FILES = {name: read(skeleton_bytes(skeleton)) for name, skeleton in SKELETONS.items()}


def codes(name: str, mix: str, options: QuantizeOptions | None = None) -> str:
    return type_codes(p.type for p in plan_quantize(FILES[name], mix, options).tensors)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("name", SKELETONS)
def test_types_are_those_of_llama_cpp(name: str, mix: str) -> None:
    recorded = RECORDED["files"][name][mix]
    if recorded is None:  # llama.cpp refuses
        with pytest.raises(InputError, match=f"the {mix} block .* no type stands in"):
            codes(name, mix)
        return
    assert codes(name, mix) == recorded["types"]


@pytest.mark.parametrize("key", OPTIONS)
@pytest.mark.parametrize("name", ["two", "tied-33"])
def test_types_with_options_are_those_of_llama_cpp(name: str, key: str) -> None:
    mix, options = OPTIONS[key]
    assert codes(name, mix, options) == RECORDED["options"][f"{name} {key}"]["types"]


def test_the_comparison_sees_refusals_and_mixtures() -> None:
    rows = [row for mixes in RECORDED["files"].values() for row in mixes.values()]
    assert rows.count(None) == 2  # Q1_0 has no smaller block to fall back to
    assert sum(len(set(row["types"])) > 3 for row in rows if row) > 50


def test_names_are_taken_in_any_case_and_short() -> None:
    assert plan_quantize(FILES["two"], "q4_k").mix.name == "Q4_K_M"


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ("IQ2_XS", "IQ2_XS needs an importance matrix"),
        ("Q2_K_S", "Q2_K_S needs an importance matrix"),
        ("iq3_xxs", "IQ3_XXS needs an importance matrix"),
    ],
)
def test_mixes_that_cannot_be_made_are_refused_by_name(mix: str, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        plan_quantize(FILES["two"], mix)


@pytest.mark.parametrize(
    ("mix", "options", "words"),
    [
        ("Q4_9", {}, "unknown mix 'Q4_9'; known: F32, F16"),
        ("Q8_0", {"output_type": "Q7"}, "tensor type 'Q7': expected one of F32, F16, Q4_0"),
        ("Q8_0", {"output_type": "I8"}, "tensor type 'I8': expected one of F32"),
        ("Q8_0", {"token_embd_type": "q8_k"}, "tensor type 'q8_k': expected one of F32"),
        ("Q8_0", {"tensor_types": [("atn", "Q8_0")]}, "pattern 'atn': no tensor matches it"),
        ("Q8_0", {"tensor_types": [("(", "Q8_0")]}, r"tensor type pattern '\(': "),
        ("Q8_0", {"tensor_types": [("attn", "IQ1_S")]}, "IQ1_S can be read, but not made"),
    ],
)
def test_mistakes_are_named(mix: str, options: dict[str, object], words: str) -> None:
    with pytest.raises((InputError, UnsupportedError), match=words):
        plan_quantize(FILES["two"], mix, QuantizeOptions(**options))  # type: ignore[arg-type]


def test_an_asked_type_that_rows_do_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"output\.weight: row of 64 .* Q6_K block \(256\)"):
        plan_quantize(FILES["rows-64"], "Q8_0", QuantizeOptions(output_type="Q6_K"))


def test_fallbacks_are_told() -> None:
    plan = plan_quantize(FILES["rows-64"], "Q6_K")
    assert {(p.wanted, p.type) for p in plan.fallbacks} == {("Q6_K", "Q8_0")}
    assert not plan_quantize(FILES["two"], "Q6_K").fallbacks


def test_quantised_tensors_are_not_quantised_again_unless_allowed() -> None:
    file = read(skeleton_bytes(Skeleton(1, type="Q8_0")))
    with pytest.raises(InputError, match=r"attn_k\.weight is Q8_0 already; .*--allow-requantize"):
        plan_quantize(file, "Q4_0", QuantizeOptions(output_type="Q8_0", token_embd_type="Q8_0"))
    plan = plan_quantize(file, "Q4_0", QuantizeOptions(allow_requantize=True))
    assert {p.type for p in plan.tensors} == {"F32", "Q4_0", "Q6_K"}
    assert {p.type for p in plan_quantize(file, "Q8_0").tensors} == {"F32", "Q8_0"}


def test_tables_of_integers_are_not_quantised() -> None:
    out = io.BytesIO()
    write(out, {}, [Tensor.from_array("blk.0.table.weight", np.ones((2, 256)), "I32")])
    with pytest.raises(UnsupportedError, match=r"table\.weight holds integers \(I32\)"):
        plan_quantize(read(out.getvalue()), "Q8_0")


def test_sizes_are_worked_by_hand() -> None:
    plan = plan_quantize(FILES["two"], "Q8_0")
    # Matrices: 2 of 4 rows, 2 layers x 7 of 2 rows; vectors: 1 + 2 layers x 1; all of 256.
    matrices, vectors = (8 + 2 * 14) * 256, 3 * 256
    assert plan.n_bytes_before == 4 * (matrices + vectors)
    assert plan.n_bytes == matrices // 32 * 34 + 4 * vectors
    assert plan.bits_per_weight == pytest.approx(8 * plan.n_bytes / (matrices + vectors))


@pytest.mark.parametrize("value", ["two", 2.0, True, [], [[1], [2, 3]], ["a"]])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    file = read(skeleton_bytes(SKELETONS["two"]))
    file.metadata["llama.block_count"] = value
    with pytest.raises(InputError, match=r"llama\.block_count: expected a whole number"):
        plan_quantize(file, "Q4_K_M")
