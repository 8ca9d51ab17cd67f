"""Fixtures that several rooms share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from abi.kernels import _select
from tests.oracle.cases import stories_path
from tests.require import require


@pytest.fixture(scope="session")
def stories() -> Path:
    """The trained model of `../shared/models`."""
    require("models", stories_path().exists(), f"{stories_path()} is not there")
    return stories_path()


def _build(target: str, folder: Path) -> Path:
    missing = importlib.util.find_spec("ziglang") is None
    require("native", not missing, "ziglang is not installed; pip install 'abi-framework[test]'")
    from abi_accel.build import build, host

    return build(target or host(), folder)


@pytest.fixture(scope="session")
def built_native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native library for this machine: built from the sources, or one that was installed."""
    if installed := os.environ.get("ABI_TEST_NATIVE"):
        return Path(installed)
    return _build("", tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def wasm_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sources as a side module for Pyodide."""
    return _build("wasm32", tmp_path_factory.mktemp("wasm"))


@pytest.fixture(scope="session")
def wasm_relaxed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That for browsers that know relaxed SIMD."""
    return _build("wasm32-relaxed", tmp_path_factory.mktemp("relaxed"))


@pytest.fixture
def native_library(built_native: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make `abi.kernels` find the library that was just built."""
    from abi_accel import _library

    monkeypatch.setenv("ABI_NATIVE_LIBRARY", str(built_native))
    _library.load.cache_clear()
    _select._instance.cache_clear()
    yield built_native
    _library.load.cache_clear()
    _select._instance.cache_clear()
