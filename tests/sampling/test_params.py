"""Options: defaults, ranges, names."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest

from abi.errors import InputError
from abi.sampling import DEFAULT_SAMPLERS, SamplingOptions, SamplingParams


def test_the_keywords_are_the_fields() -> None:
    hints = get_type_hints(SamplingParams)
    assert get_type_hints(SamplingOptions) == {
        f.name: hints[f.name] for f in fields(SamplingParams)
    }


def test_the_defaults_are_in_range() -> None:
    assert repr(SamplingParams()) == "SamplingParams()"


def test_they_print_what_differs() -> None:
    params = SamplingParams(top_k=5, samplers=["topk", "Temp"], seed=3)
    text = "SamplingParams(top_k=5, samplers=('top_k', 'temperature'), seed=3)"
    assert repr(params) == text
    assert eval(text) == params


def test_the_order_is_that_of_llama_cpp() -> None:
    assert DEFAULT_SAMPLERS == (
        "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc",
        "temperature",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [("top-k", "top_k"), ("topk", "top_k"), ("TOP_K", "top_k"), ("nucleus", "top_p"),
     ("temp", "temperature"), ("typ", "typ_p"), ("adaptive-p", "adaptive_p"), ("dry", "dry")],
)  # fmt: skip
def test_samplers_have_llama_cpps_aliases(name: str, expected: str) -> None:
    assert SamplingParams(samplers=[name]).samplers == (expected,)


def test_numpy_numbers_are_taken() -> None:
    options: Any = {"top_k": np.int64(3), "temperature": np.float32(0.5), "seed": np.uint32(7)}
    assert SamplingParams(**options).top_k == 3


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"temperature": -1.0}, "temperature=-1.0: expected a number, 0 or above"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"temperature": "hot"}, "temperature='hot': expected a number"),
        ({"temperature": None}, "temperature=None"),
        ({"temperature": True}, "temperature=True"),
        ({"top_k": -1}, "top_k=-1: expected a whole number, 0 to 2147483647"),
        ({"top_k": 2.5}, r"top_k=2\.5"),
        ({"top_k": 10**400}, "top_k=1000"),
        ({"top_p": 1.1}, r"top_p=1\.1: expected a number, 0 to 1"),
        ({"min_p": -0.1}, r"min_p=-0\.1"),
        ({"typical_p": 2}, "typical_p=2"),
        ({"top_n_sigma": float("inf")}, "top_n_sigma=inf: expected a number, -1e30 to 1e30"),
        ({"xtc_probability": 1.5}, r"xtc_probability=1\.5"),
        ({"xtc_threshold": -1}, "xtc_threshold=-1"),
        ({"repeat_penalty": 0}, "repeat_penalty=0: expected a number, 1e-30 to 1e30"),
        ({"repeat_last_n": -1}, "repeat_last_n=-1"),
        ({"presence_penalty": [1]}, r"presence_penalty=\[1\]"),
        ({"dry_base": 0.5}, r"dry_base=0\.5: expected a number, 1 to 1e30"),
        ({"dry_multiplier": -1}, "dry_multiplier=-1"),
        ({"dry_sequence_breakers": "abc"}, "dry_sequence_breakers='abc': expected a list"),
        ({"dry_sequence_breakers": [""]}, "dry_sequence_breakers: '': expected 1 to 40 bytes"),
        ({"dry_sequence_breakers": ["é" * 21]}, "expected 1 to 40 bytes"),
        ({"mirostat": 3}, "mirostat=3: expected 0, 1 or 2"),
        ({"adaptive_target": 1.2}, r"adaptive_target=1\.2: expected a number up to 1"),
        ({"adaptive_decay": 1.0}, r"adaptive_decay=1\.0: expected a number, 0 to 0\.99"),
        ({"seed": -1}, "seed=-1: expected a whole number, 0 to 4294967295"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": 1.5}, r"seed=1\.5"),
        ({"samplers": "top_k"}, "samplers='top_k': expected a list of texts"),
        ({"samplers": ["top_z"]}, "samplers: 'top_z' is not a sampler; expected some of penalties"),
        ({"samplers": ["dry"] * 65}, "samplers: 65 texts, expected at most 64"),
        ({"samplers": ["infill"]}, "'infill' is not a sampler"),
        ({"logit_bias": [1]}, r"logit_bias=\[1\]: expected a mapping"),
        ({"logit_bias": {1.5: 1}}, r"logit_bias: 1\.5: expected a token id or a text"),
        (
            {"logit_bias": {1: True}},
            r"logit_bias\[1\]=True: expected a number, -1e30 to 1e30, or False",
        ),
        ({"logit_bias": {1: float("inf")}}, r"logit_bias\[1\]=inf"),
        ({"logit_bias": {1: "x"}}, r"logit_bias\[1\]='x'"),
    ],
)
def test_options_out_of_range_are_refused(option: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SamplingParams(**option)
