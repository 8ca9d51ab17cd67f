"""What llama.cpp gives with adapters, control vectors, shifted contexts and other cache types."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from tests.oracle.architectures import CASES, COLUMNS, N_POSITIONS, write_case
from tests.oracle.cases import DATA, random_ids
from tests.oracle.overlays import (
    CONTROL,
    CONTROL_STRENGTH,
    KV,
    KV_TYPES,
    LORA,
    LORA_STRENGTH,
    SHIFTED,
    directions,
    write_lora,
)
from tests.oracle.record_architectures import context, decode, logits

__all__ = ["record_overlays"]

IDS = random_ids(N_POSITIONS)


def record_overlays(folder: Path) -> None:
    """Write `llama-overlays.npz`."""
    arrays = dict(_overlays(folder)) | dict(_shifts(folder)) | dict(_types(folder))
    np.savez_compressed(DATA / "llama-overlays.npz", **arrays)


def _overlays(folder: Path) -> Iterator[tuple[str, Any]]:
    write_case(folder / "base.gguf", LORA)
    write_lora(folder / "lora.gguf")
    with context(folder / "base.gguf", LORA) as opened:
        model = llama_cpp.llama_get_model(opened)
        adapter = llama_cpp.llama_adapter_lora_init(model, str(folder / "lora.gguf").encode())
        assert adapter
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
        scales = (ctypes.c_float * 1)(LORA_STRENGTH)
        assert llama_cpp.llama_set_adapters_lora(opened, adapters, 1, scales) == 0
        yield "lora", logits(opened, IDS)[:, COLUMNS]
    write_case(folder / "base.gguf", CONTROL)
    with context(folder / "base.gguf", CONTROL) as opened:
        data = np.ascontiguousarray(directions() * np.float32(CONTROL_STRENGTH))
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        assert llama_cpp.llama_set_adapter_cvec(opened, pointer, data.size, 64, 2, 3) == 0
        yield "control", logits(opened, IDS)[:, COLUMNS]


def _shifts(folder: Path) -> Iterator[tuple[str, Any]]:
    """The last 24 of 64 tokens after 16 of the first 40 were dropped."""
    for name in SHIFTED:
        write_case(folder / "base.gguf", CASES[name])
        with context(folder / "base.gguf", CASES[name]) as opened:
            decode(opened, IDS[:40])
            memory = llama_cpp.llama_get_memory(opened)
            assert llama_cpp.llama_memory_seq_rm(memory, 0, 4, 20)
            llama_cpp.llama_memory_seq_add(memory, 0, 20, -1, -16)
            yield f"shift/{name}", logits(opened, IDS[40:], 24)[:, COLUMNS]


def _types(folder: Path) -> Iterator[tuple[str, Any]]:
    write_case(folder / "base.gguf", KV)
    for name, number in KV_TYPES.items():
        with context(folder / "base.gguf", KV, kv_type=number, flash=True) as opened:
            yield f"kv/{name}", logits(opened, IDS)[:, COLUMNS]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        record_overlays(Path(work))
