"""A served hub, an empty cache, and no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abi.hub import _http
from tests.hub.server import Hub, serving
from tests.synthetic import LlamaShape, llama_bytes

VARIABLES = ("ABI_OFFLINE", "HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY", "ALL_PROXY")


@pytest.fixture(scope="session")
def gguf() -> bytes:
    return llama_bytes(LlamaShape())


@pytest.fixture(scope="session")
def other_gguf() -> bytes:
    """Of the same length, with other weights."""
    return llama_bytes(LlamaShape(), seed=1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ABI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(cache: Path, gguf: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one repository of three models and what lies about in real ones."""
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.repos["ab/cd-GGUF@main"] = {
            "README.md": b"# hello",
            "cd-Q4_K_M.gguf": gguf,
            "cd-Q8_0.gguf": gguf + b"8",
            "mmproj-cd-Q4_K_M.gguf": b"GGUF, a projector",
            "more/cd-BF16.gguf": gguf + b"16",
        }
        yield hub


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept."""
    taken: list[float] = []
    monkeypatch.setattr(_http, "sleep", taken.append)
    return taken
