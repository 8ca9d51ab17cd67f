"""The core and the WASM kernels in Pyodide under Node, against the same run here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from abi.kernels import select
from tests.oracle.cases import requantize, stories_path
from tests.oracle.hf_models import write_folder
from tests.require import require
from tests.wasm import library
from tests.wasm.node import in_pyodide
from tests.wasm.shared import features, fixed_product, story


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("models", stories_path().exists(), f"{stories_path()} is not there")
    path = tmp_path_factory.mktemp("model") / "model.gguf"
    requantize(stories_path(), path, "Q8_0")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where documents are, here and in Pyodide's memory: ids of passages come of it."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder("bert", tmp_path_factory.mktemp("hf") / "tiny-bert")


@pytest.fixture(scope="module")
def report(
    place: Path,
    bert: Path,
    model_path: Path,
    wasm_library: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What `in_pyodide.py` found."""
    mount = tmp_path_factory.mktemp("mnt")
    shutil.copy(model_path, mount / "model.gguf")
    shutil.copy(wasm_library, mount / "abi_accel.so")
    shutil.copytree(bert, mount / bert.name)
    (mount / "place").write_text(str(place))
    found: dict[str, Any] = in_pyodide(Path(__file__).with_name("in_pyodide.py"), mount)
    return found


def test_native_kernels_load_in_pyodide(report: dict[str, Any]) -> None:
    assert report["candidates"] == {"native": None, "numpy": None}


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_conformance_in_pyodide(report: dict[str, Any], name: str) -> None:
    assert report[name]["checks"] > 500
    assert report[name]["failed"] == []


def test_q8_0_product_has_the_same_bits(report: dict[str, Any], native_library: Path) -> None:
    from abi_accel._library import load

    load().choose(load().isas[0])  # without fused operations, which WebAssembly does not have
    assert report["native"]["product"] == fixed_product(select("native"))


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_64_tokens_equal_the_native_run(
    report: dict[str, Any], model_path: Path, native_library: Path, name: str
) -> None:
    assert report[name]["tokens"] == story(str(model_path), name)
    assert len(report[name]["tokens"]) == 64


def test_the_tiny_model_generates_in_pyodide(report: dict[str, Any]) -> None:
    assert report["numpy"]["tiny"].strip()


def test_everything_else_gives_the_same_in_pyodide(report: dict[str, Any]) -> None:
    assert report["features"] == features()


def test_a_library_finds_the_same_in_pyodide(report: dict[str, Any], place: Path) -> None:
    got, want = report["library"]["documents"], library.documents(str(place))
    assert want["runs"] == [
        [9, 0, 0, 0, 17, []], [0, 0, 9, 0, 0, []], [0, 1, 7, 1, 1, []], 1, [1, 0, 7, 0, 1, []],
    ]  # fmt: skip
    assert want["locked"] == [True, False]
    assert want["same"] and want["exported"] and want["memory"] and not want["problems"]
    _assert_near(got, want, 1e-5)


def test_texts_have_the_same_vectors_in_pyodide(report: dict[str, Any]) -> None:
    _assert_near(report["library"]["embedded"], library.embedded(), 1e-6)


def test_a_model_is_converted_to_the_same_bytes_in_pyodide(
    report: dict[str, Any], bert: Path, tmp_path: Path
) -> None:
    _assert_near(report["library"]["converted"], library.converted(str(bert), str(tmp_path)), 1e-5)


def test_the_demo_says_the_same_in_pyodide(report: dict[str, Any]) -> None:
    want = library.demo()
    assert len(want["answers"]) == 3 and all(answer["quotes"] for answer in want["answers"])
    _assert_near(report["library"]["demo"], want, 1e-5)


def test_what_nests_too_deeply_does_not_end_pyodide(report: dict[str, Any]) -> None:
    assert report["library"]["refused"] == library.refused()


def test_a_pdf_names_its_reader_in_pyodide(report: dict[str, Any]) -> None:
    assert "pypdf" in report["library"]["without pypdf"]


def _assert_near(got: Any, want: Any, within: float) -> None:
    """The same, and numbers within some distance."""
    if isinstance(want, float):
        assert got == pytest.approx(want, abs=within)
    elif isinstance(want, dict):
        assert got.keys() == want.keys()
        for key in want:
            _assert_near(got[key], want[key], within)
    elif isinstance(want, list):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            _assert_near(one, other, within)
    else:
        assert got == want
