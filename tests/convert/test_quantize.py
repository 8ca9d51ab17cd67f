"""Quantised files: the bytes of llama.cpp's, and nothing lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.convert import MIXES, QuantizeOptions, quantize
from abi.errors import InputError
from abi.gguf import read, write
from abi.quant import Tensor
from tests.oracle.cases import DATA, random_ids
from tests.oracle.quantize_cases import (
    LOGITS_AT,
    OPTIONS,
    SHAPE,
    SKELETONS,
    block_digest,
    skeleton_bytes,
)
from tests.synthetic import LlamaShape, write_llama

RECORDED = json.loads((DATA / "llama-quantize.json").read_text())
LOGITS = np.load(DATA / "llama-quantize-logits.npz")


def made(folder: Path, name: str, mix: str, options: QuantizeOptions | None = None) -> Path:
    source, target = folder / "in.gguf", folder / "out.gguf"
    source.write_bytes(skeleton_bytes(SKELETONS[name]))
    quantize(source, target, mix, options)
    return target


def digest(path: Path) -> str:
    return block_digest(np.fromfile(path, np.uint8))


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("name", ["two", "rows-64"])
def test_the_file_is_llama_cpps_byte_for_byte(tmp_path: Path, name: str, mix: str) -> None:
    recorded = RECORDED["files"][name][mix]
    if recorded is None:  # llama-quantize fails, and so does abi
        with pytest.raises(InputError, match="row of 64 is not a multiple of the Q1_0 block"):
            made(tmp_path, name, mix)
        return
    assert digest(made(tmp_path, name, mix)) == recorded["sha256"]


@pytest.mark.parametrize(
    ("name", "mix"),
    [("gqa-16", "Q4_K_M"), ("experts-8", "Q3_K_M"), ("experts-4", "MXFP4_MOE"), ("80", "F32")],
)
def test_larger_files_too(tmp_path: Path, name: str, mix: str) -> None:
    assert digest(made(tmp_path, name, mix)) == RECORDED["files"][name][mix]["sha256"]


@pytest.mark.parametrize("key", OPTIONS)
def test_files_made_with_options_too(tmp_path: Path, key: str) -> None:
    mix, options = OPTIONS[key]
    assert (
        digest(made(tmp_path, "two", mix, options)) == RECORDED["options"][f"two {key}"]["sha256"]
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shape") / "shape.gguf"
    write_llama(path, SHAPE)
    return path


@pytest.mark.parametrize("mix", MIXES)
def test_logits_of_a_quantised_model_are_llama_cpps(tmp_path: Path, source: Path, mix: str) -> None:
    quantize(source, tmp_path / "q.gguf", mix)
    model = abi.load(tmp_path / "q.gguf", kernels="numpy")
    got = model.logits(random_ids(), all=True)[list(LOGITS_AT)]
    want = LOGITS[mix].astype(np.float32)
    # llama.cpp rounds activations to 8 bits (to 16 for the float types).
    error = np.sqrt(np.square(got - want).mean() / np.square(want).mean())
    assert error < (0.005 if mix in ("F32", "F16", "BF16", "COPY") else 0.03), error


def test_metadata_say_what_was_done(tmp_path: Path) -> None:
    file = read(made(tmp_path, "two", "Q5_K_S"))
    assert (file.metadata["general.file_type"], file.metadata["general.quantization_version"]) == (
        16, 2,
    )  # fmt: skip
    assert file.metadata["general.name"] == "skeleton"


def test_parts_of_a_split_model_become_one_file(tmp_path: Path) -> None:
    whole = read(skeleton_bytes(SKELETONS["two"]))
    tensors = list(whole.tensors.values())
    for no, part in enumerate((tensors[:5], tensors[5:])):
        extra: dict[str, Any] = {
            "split.no": np.uint16(no), "split.count": np.uint16(2),
            "split.tensors.count": np.int32(len(tensors)),
        }  # fmt: skip
        write(tmp_path / f"m-{no + 1:05d}-of-00002.gguf", whole.typed() | extra, part)
    first, second = (tmp_path / f"m-0000{i}-of-00002.gguf" for i in (1, 2))
    with pytest.raises(InputError, match="the output is the input"):
        quantize(first, second, "Q4_K_M", force=True)
    quantize(first, tmp_path / "joined.gguf", "Q4_K_M")
    assert digest(tmp_path / "joined.gguf") == RECORDED["files"]["two"]["Q4_K_M"]["sha256"]


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "in.gguf"
    path.write_bytes(skeleton_bytes(SKELETONS["two"]))
    before = digest(path)
    for name in ("in.gguf", "./in.gguf"):
        with pytest.raises(InputError, match="the output is the input"):
            quantize(path, f"{tmp_path}/{name}", "Q8_0", force=True)
    assert digest(path) == before


def test_another_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    made(tmp_path, "two", "Q8_0")
    with pytest.raises(InputError, match=r"out\.gguf exists; .*--force"):
        quantize(tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_0")
    quantize(tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_0", force=True)
    assert digest(tmp_path / "out.gguf") == RECORDED["files"]["two"]["Q4_0"]["sha256"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, r"blk\.0\.x\.weight: holds a value that is no finite number"),
        (np.inf, r"blk\.0\.x\.weight: holds a value that is no finite number"),
        (1e9, r"blk\.0\.x\.weight: a value of magnitude 1e\+09 does not fit in Q4_K"),
    ],
)
def test_values_that_would_be_lost_are_refused(tmp_path: Path, value: float, words: str) -> None:
    values = np.ones((2, 256), np.float32)
    values[1, 7] = value
    write(tmp_path / "in.gguf", {}, [Tensor.from_array("blk.0.x.weight", values)])
    with pytest.raises(InputError, match=words):
        quantize(tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_K_S")
    assert [p.name for p in tmp_path.iterdir()] == ["in.gguf"]


def test_progress_counts_the_source(tmp_path: Path) -> None:
    (tmp_path / "in.gguf").write_bytes(skeleton_bytes(SKELETONS["two"]))
    seen: list[tuple[int, int]] = []
    plan = quantize(
        tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_K_M",
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == sorted(seen) and len(seen) == len(plan.tensors)
    assert seen[-1] == (plan.n_bytes_before, plan.n_bytes_before)


def test_rows_are_encoded_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from abi.convert import _quantize

    monkeypatch.setattr(_quantize, "_STEP", 512)
    assert digest(made(tmp_path, "two", "Q4_K_M")) == (RECORDED["files"]["two"]["Q4_K_M"]["sha256"])


def test_the_model_that_ships_still_speaks_when_quantised(tmp_path: Path) -> None:
    from abi.generate import model_path

    options = QuantizeOptions(allow_requantize=True)
    quantize(model_path(), tmp_path / "q.gguf", "Q8_0", options)
    prompt = "Once upon a time"
    text = abi.load(tmp_path / "q.gguf").generate(prompt, max_tokens=8, temperature=0).read()
    assert text == abi.load().generate(prompt, max_tokens=8, temperature=0).read()


def test_a_file_without_architecture_is_quantised(tmp_path: Path) -> None:
    write_llama(tmp_path / "in.gguf", LlamaShape())
    file = read(tmp_path / "in.gguf")
    write(tmp_path / "bare.gguf", {}, file.tensors.values())
    quantize(tmp_path / "bare.gguf", tmp_path / "out.gguf", "Q8_0")
    kinds = {t.type.name for t in read(tmp_path / "out.gguf").tensors.values()}
    assert kinds == {"F32", "Q8_0"}
