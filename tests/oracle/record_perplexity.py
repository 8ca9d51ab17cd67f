"""llama.cpp's perplexity of the trained model on a text of ours, as llama-perplexity counts."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np

from tests.oracle.cases import DATA, N_CHUNKS, PERPLEXITY_CTX, requantize, stories_path

__all__ = ["record_perplexity"]


def record_perplexity(folder: Path) -> dict[str, float]:
    """By type of the weights."""
    found = {}
    for kind in ("f32", "Q8_0", "Q4_0"):
        path = stories_path() if kind == "f32" else folder / f"{kind}.gguf"
        if kind != "f32":
            requantize(stories_path(), path, kind)
        found[kind] = _perplexity(path, (DATA / "stories.txt").read_bytes())
    return found


def _perplexity(path: Path, text: bytes) -> float:
    n_ctx = PERPLEXITY_CTX
    model = llama_cpp.Llama(
        str(path), n_ctx=n_ctx, logits_all=True, type_k=0, type_v=0, flash_attn=False,
        verbose=False,
    )  # fmt: skip
    ids, losses = model.tokenize(text), []
    for i in range(N_CHUNKS):
        chunk = ids[i * n_ctx : (i + 1) * n_ctx]
        model.reset()
        model._ctx.kv_cache_clear()
        model.eval([model.token_bos(), *chunk[1:]])
        for j in range(n_ctx // 2, n_ctx - 1):
            row = np.array(model.scores[j], np.float64)
            losses.append(np.logaddexp.reduce(row) - row[chunk[j + 1]])
    return float(np.exp(np.mean(losses)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        values = record_perplexity(Path(work))
    provenance = json.loads((DATA / "provenance.json").read_text())
    provenance["perplexity"] = values
    (DATA / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
