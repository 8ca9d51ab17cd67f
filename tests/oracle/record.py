"""Record what llama.cpp gives for the cases, so that ordinary tests need no llama.cpp.

    nox -s record          (needs the extra `oracle`, which compiles llama.cpp)

Writes `tests/data/llama-*` and `tests/data/provenance.json`.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from abi.generate import model_path
from abi.gguf import read
from abi.tokenizer import Tokenizer
from tests.oracle import grammars, record_quantize, record_tokens, vocabs
from tests.oracle.cases import (
    DATA,
    N_STRINGS,
    PROMPTS,
    SHAPES,
    digest,
    random_ids,
    requantize,
    stories_path,
)
from tests.oracle.record_architectures import record_architectures
from tests.oracle.record_greedy import record_greedy
from tests.oracle.record_overlays import record_overlays
from tests.oracle.record_perplexity import record_perplexity
from tests.oracle.record_sampling import record_sampling
from tests.oracle.strings import random_strings
from tests.synthetic import write_llama

_F32 = 0  # ggml_type of the oracle's cache: its default of float16 is another arithmetic


def main() -> None:
    DATA.mkdir(exist_ok=True)
    provenance: dict[str, Any] = {"llama-cpp-python": llama_cpp.__version__, "files": {}}
    with tempfile.TemporaryDirectory() as folder:
        arrays = dict(_stories(Path(folder), provenance)) | dict(_random(Path(folder)))
        provenance["architectures"] = record_architectures(Path(folder))
        record_overlays(Path(folder))
        record_greedy(Path(folder))
        provenance["perplexity"] = record_perplexity(Path(folder))
    np.savez_compressed(DATA / "llama-logits.npz", **arrays)
    vocab_folder = vocabs.fetch()
    for name in vocabs.VOCABS:
        path = vocab_folder / f"ggml-vocab-{name}.gguf"
        provenance["files"][path.name] = _sha256(path)
        np.save(DATA / f"llama-tokens-{name}.npy", _digests(path, N_STRINGS))
    record_tokens.main()
    provenance["files"][model_path().name] = _sha256(model_path())
    record_sampling()
    record_quantize.main()
    (DATA / "llama-grammars.json").write_text(_grammars(vocab_folder, provenance))
    (DATA / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")


def _stories(folder: Path, provenance: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    source = stories_path()
    provenance["files"][source.name] = _sha256(source)
    paths = {"f32": source}
    for type_name in ("Q8_0", "Q4_0"):
        paths[type_name] = folder / f"{type_name}.gguf"
        requantize(source, paths[type_name], type_name)
        provenance["files"][f"stories260K as {type_name}"] = _sha256(paths[type_name])
    for kind, path in paths.items():
        model = _load(path)
        for i, prompt in enumerate(PROMPTS):
            ids = model.tokenize(prompt.encode())
            yield f"stories/{kind}/{i}/ids", np.array(ids, np.int32)
            # Quantised arithmetic is compared to two decimals only.
            precision = np.float32 if kind == "f32" else np.float16
            yield f"stories/{kind}/{i}/logits", _logits(model, ids).astype(precision)
    model = _load(source)
    greedy = model.generate(model.tokenize(b"Once upon a time"), temp=0, repeat_penalty=1.0)
    yield "stories/f32/greedy", np.array([next(greedy) for _ in range(256)], np.int32)


def _random(folder: Path) -> Iterable[tuple[str, Any]]:
    ids = random_ids()
    for name, shape in SHAPES.items():
        path = folder / f"{name}.gguf"
        write_llama(path, shape)
        yield f"random/{name}/logits", _logits(_load(path), ids)


def _load(path: Path) -> llama_cpp.Llama:
    assert read(path).tensors, "the model must be readable by us first"
    return llama_cpp.Llama(
        str(path), n_ctx=512, logits_all=True,
        type_k=_F32, type_v=_F32, flash_attn=False, verbose=False,
    )  # fmt: skip


def _logits(model: llama_cpp.Llama, ids: list[int]) -> Any:
    model.reset()
    model._ctx.kv_cache_clear()
    model.eval(ids)
    return np.array(model.scores[: len(ids)], np.float32)


def _grammars(folder: Path, provenance: dict[str, Any]) -> str:
    """What its grammar sampler says, over the vocabulary of llama-spm."""
    path = folder / "ggml-vocab-llama-spm.gguf"
    tokenizer = Tokenizer.from_metadata(read(path).metadata)
    pieces = [tokenizer.piece(i, special=False) for i in range(len(tokenizer))]
    cases = dict(grammars.CASES)
    for name in vocabs.GRAMMARS:
        file = folder / f"{name}.gbnf"
        provenance["files"][file.name] = _sha256(file)
        cases[file.name] = file.read_text()
    return json.dumps(grammars.record(path, pieces, cases), indent=0, ensure_ascii=False) + "\n"


def _digests(path: Path, n_strings: int) -> Any:
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    vocab = llama_cpp.llama_model_get_vocab(model.model)
    buffer = (llama_cpp.llama_token * 4096)()
    out = np.empty(2 * n_strings, np.uint32)
    for i, raw in enumerate(random_strings(n_strings)):
        for special in (False, True):
            n = llama_cpp.llama_tokenize(
                vocab, ctypes.c_char_p(raw), len(raw), buffer, len(buffer), special, special
            )
            assert n >= 0, "the buffer is too small"
            out[2 * i + special] = digest(list(buffer[:n]))
    return out


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
