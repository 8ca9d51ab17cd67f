"""What llama.cpp makes of the random models of every architecture.

Logits are kept for some columns of the vocabulary; the largest difference over all of them,
between llama.cpp and us, is returned for the provenance.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

import abi
from abi.model import POOLINGS, Batch
from tests.oracle.architectures import (
    CASES,
    COLUMNS,
    ENCODERS,
    N_POSITIONS,
    Case,
    write_case,
)
from tests.oracle.cases import DATA, random_ids

__all__ = ["context", "decode", "logits", "record_architectures"]

_F32 = 0  # ggml_type


def record_architectures(folder: Path) -> dict[str, float]:
    """Write `llama-architectures.npz`; the largest differences by case."""
    ids, arrays, errors = random_ids(N_POSITIONS), {}, {}
    for name, case in CASES.items():
        path = folder / f"{name}.gguf"
        write_case(path, case)
        with context(path, case) as opened:
            theirs = logits(opened, ids)
        ours = abi.load(path, kernels="numpy").logits(ids, all=True)
        errors[name] = _round(np.abs(theirs - ours).max())
        arrays[name] = theirs[:, COLUMNS]
    for name, case in ENCODERS.items():
        path = folder / f"{name}.gguf"
        write_case(path, case)
        transformer = abi.load(path, kernels="numpy").transformer
        ours = np.asarray(transformer.hidden(Batch.of(ids), transformer.new_cache()))
        for kind, pooling in enumerate(POOLINGS):
            if pooling == "rank" and not _ranks(case):
                continue
            arrays[f"{name}/{pooling}"] = _embeddings(path, case, ids, kind, ours.shape[1])
        errors[name] = _round(np.abs(arrays[f"{name}/none"] - ours).max())
    np.savez_compressed(DATA / "llama-architectures.npz", **arrays)
    return errors


def _ranks(case: Case) -> bool:
    return any(name.startswith("cls.") for name in case.outside)


def _round(value: float) -> float:
    return float(f"{value:.1e}")


@contextmanager
def context(
    path: Path, case: Case, pooling: int | None = None, kv_type: int = _F32, flash: bool = False
) -> Iterator[Any]:
    """A context of llama.cpp over a model."""
    model = llama_cpp.llama_model_load_from_file(
        str(path).encode(), llama_cpp.llama_model_default_params()
    )
    assert model, f"llama.cpp refuses {path.name}"
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = case.keys.get("context_length", 256)
    params.type_k = params.type_v = kv_type
    params.flash_attn_type = int(flash)
    params.embeddings = pooling is not None
    params.pooling_type = 0 if pooling is None else pooling
    opened = llama_cpp.llama_init_from_model(model, params)
    assert opened
    yield opened
    llama_cpp.llama_free(opened)
    llama_cpp.llama_model_free(model)


def decode(context: Any, ids: list[int], pos: int = 0) -> None:
    """Run tokens of sequence 0, with logits for each."""
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.logits[i] = token, pos + i, 1
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
    assert llama_cpp.llama_decode(context, batch) == 0
    llama_cpp.llama_batch_free(batch)


def logits(context: Any, ids: list[int], pos: int = 0) -> Any:
    """Run tokens of sequence 0; `(T, n_vocab) float32`."""
    decode(context, ids, pos)
    model = llama_cpp.llama_get_model(context)
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = [llama_cpp.llama_get_logits_ith(context, i) for i in range(len(ids))]
    return np.array([np.ctypeslib.as_array(row, (n_vocab,)).copy() for row in rows])


def _embeddings(path: Path, case: Case, ids: list[int], kind: int, n_embd: int) -> Any:
    with context(path, case, kind) as opened:
        decode(opened, ids)
        if POOLINGS[kind] != "none":
            width = n_embd
            if POOLINGS[kind] == "rank":
                width = len(case.keys.get("classifier.output_labels", [0]))
            found = llama_cpp.llama_get_embeddings_seq(opened, 0)
            return np.ctypeslib.as_array(found, (width,)).copy()
        rows = [llama_cpp.llama_get_embeddings_ith(opened, i) for i in range(len(ids))]
        return np.array([np.ctypeslib.as_array(row, (n_embd,)).copy() for row in rows])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        found = record_architectures(Path(work))
    provenance = json.loads((DATA / "provenance.json").read_text())
    provenance["architectures"] = found
    (DATA / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
