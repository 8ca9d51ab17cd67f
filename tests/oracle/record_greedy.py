"""Record the greedy text of stories260K in each type, and how close each choice was.

    python -m tests.oracle.record_greedy          (needs the extra `oracle`)

Writes `tests/data/llama-greedy.npz`: `TYPE/ids`, the prompt and 128 tokens after it; `TYPE/gap`,
by how much llama.cpp's best logit beat its second at each of these; and `TYPE/noise`, the most by
which llama.cpp's logits differ from its own where it lays weights out otherwise (its "extra
buffers"): the same products in another order.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from tests.oracle.cases import DATA, GREEDY_PROMPT, GREEDY_TYPES, requantize, stories_path

__all__ = ["record_greedy"]

N_TOKENS = 128


def record_greedy(folder: Path) -> None:
    """Write the file; llama.cpp decodes a token at a time, with a float32 cache."""
    found: dict[str, Any] = {}
    for name in GREEDY_TYPES:
        path = folder / f"{name}.gguf"
        requantize(stories_path(), path, name)
        model = _load(path, extra=True)
        ids = model.tokenize(GREEDY_PROMPT.encode())
        start = len(ids)
        logits = [_after(model, ids)]
        while len(ids) < start + N_TOKENS:
            ids.append(int(logits[-1].argmax()))
            logits.append(_after(model, ids[-1:]))
        best = np.sort(np.array(logits[:-1]), axis=1)
        plain = _load(path, extra=False)
        again = [_after(plain, ids[:start]), *(_after(plain, [i]) for i in ids[start:])]
        found[f"{name}/ids"] = np.array(ids, np.int32)
        found[f"{name}/gap"] = best[:, -1] - best[:, -2]
        found[f"{name}/noise"] = np.abs(np.array(logits) - np.array(again)).max()
    np.savez_compressed(DATA / "llama-greedy.npz", **found)


def _load(path: Path, *, extra: bool) -> llama_cpp.Llama:
    defaults = llama_cpp.llama_cpp.llama_model_default_params

    def changed() -> Any:
        options = defaults()
        options.use_extra_bufts = extra
        return options

    llama_cpp.llama_cpp.llama_model_default_params = changed
    try:
        return llama_cpp.Llama(
            str(path), n_ctx=256, logits_all=True, type_k=0, type_v=0, flash_attn=False,
            verbose=False,
        )  # fmt: skip
    finally:
        llama_cpp.llama_cpp.llama_model_default_params = defaults


def _after(model: llama_cpp.Llama, ids: list[int]) -> Any:
    model.eval(ids)
    return np.array(model.scores[model.n_tokens - 1], np.float32)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        record_greedy(Path(made))
