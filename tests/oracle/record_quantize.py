"""Record what ggml makes of the blocks and llama.cpp of the files of `quantize_cases`.

    python -m tests.oracle.record_quantize     (`nox -s record` runs it too)

Writes `tests/data/llama-quantize.json` and `tests/data/llama-quantize-logits.npz`.
"""

from __future__ import annotations

import ctypes
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from abi.convert import MIXES, Mix, QuantizeOptions
from abi.gguf import read
from abi.quant import TYPES
from tests.oracle.cases import DATA, random_ids
from tests.oracle.quantize_cases import (
    CASES,
    DECODED,
    LOGITS_AT,
    MADE,
    OPTIONS,
    SHAPE,
    SKELETONS,
    block_digest,
    blocks,
    expand_digest,
    numbers,
    skeleton_bytes,
    type_codes,
)
from tests.synthetic import write_llama

_F32 = 0
_GGML = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
_GGML.ggml_quantize_chunk.restype = ctypes.c_size_t


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "llama-cpp-python": llama_cpp.__version__,
            "blocks": {f"{n} {c}": block_digest(_made(n, numbers(c))) for n in MADE for c in CASES},
            "expanded": {n: expand_digest(_expanded(n, blocks(n))) for n in DECODED},
            "files": dict(_files(Path(folder))),
            "options": dict(_options(Path(folder))),
        }
        logits = dict(_logits(Path(folder)))
    (DATA / "llama-quantize.json").write_text(json.dumps(found, indent=1) + "\n")
    np.savez_compressed(DATA / "llama-quantize-logits.npz", **logits)


def _made(name: str, values: Any) -> Any:
    values = np.ascontiguousarray(values)
    kind = TYPES[name]
    out = np.zeros(kind.n_bytes(values.size), np.uint8)
    source, target = (ctypes.c_void_p(a.ctypes.data) for a in (values, out))
    if name in ("Q8_1", "Q8_K"):  # for activations: quantize_chunk leaves them out
        function = getattr(_GGML, f"quantize_row_q{name[1:]}_ref")
        function(source, target, ctypes.c_int64(values.size))
        return out
    rows, row = values.shape
    sizes = [ctypes.c_int64(n) for n in (0, rows, row)]
    n = _GGML.ggml_quantize_chunk(kind.id, source, target, *sizes, None)
    assert n == out.size
    return out


def _expanded(name: str, raw: Any) -> Any:
    stem = name.lower().replace("_k", "_K")
    out = np.empty(raw.size // TYPES[name].type_size * TYPES[name].block_size, np.float32)
    function = getattr(_GGML, f"dequantize_row_{stem}")
    function(*(ctypes.c_void_p(a.ctypes.data) for a in (raw, out)), ctypes.c_int64(out.size))
    return out


def _files(folder: Path) -> Iterator[tuple[str, Any]]:
    for name, skeleton in SKELETONS.items():
        source = folder / f"{name}.gguf"
        source.write_bytes(skeleton_bytes(skeleton))
        yield name, {mix.name: _quantized(source, mix) for mix in MIXES.values()}


def _options(folder: Path) -> Iterator[tuple[str, Any]]:
    for name in ("two", "tied-33"):
        source = folder / f"{name}.gguf"
        for key, (mix, options) in OPTIONS.items():
            yield f"{name} {key}", _quantized(source, MIXES[mix], options)


def _quantized(source: Path, mix: Mix, options: QuantizeOptions | None = None) -> Any:
    target = source.with_name("out.gguf")
    if not quantize(source, target, mix, options or QuantizeOptions()):
        return None  # refused
    file = read(target)
    types = type_codes(t.type.name for t in file.tensors.values())
    return {"types": types, "sha256": block_digest(np.fromfile(target, np.uint8))}


def quantize(source: Path, target: Path, mix: Mix, options: QuantizeOptions) -> bool:
    """llama.cpp's own quantisation; whether it did it."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = mix.file_type or 0, 1
    params.only_copy, params.pure = mix.type is None, options.pure
    params.allow_requantize = options.allow_requantize
    params.quantize_output_tensor = not options.leave_output
    if options.output_type:
        params.output_tensor_type = TYPES[options.output_type].id
    if options.token_embd_type:
        params.token_embedding_type = TYPES[options.token_embd_type].id
    rows = [(text.encode(), TYPES[kind].id) for text, kind in options.tensor_types]
    overrides = (llama_cpp.llama_cpp.llama_model_tensor_override * (len(rows) + 1))()
    for override, (pattern, number) in zip(overrides, rows, strict=False):
        override.pattern, override.type = pattern, number
    if rows:
        params.tt_overrides = overrides
    status = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    return bool(status == 0)


def _logits(folder: Path) -> Iterator[tuple[str, Any]]:
    source, target = folder / "shape.gguf", folder / "quantised.gguf"
    write_llama(source, SHAPE)
    for mix in MIXES.values():
        assert quantize(source, target, mix, QuantizeOptions())
        model = llama_cpp.Llama(
            str(target), n_ctx=64, logits_all=True,
            type_k=_F32, type_v=_F32, flash_attn=False, verbose=False,
        )  # fmt: skip
        model.eval(random_ids())
        yield mix.name, np.array(model.scores[list(LOGITS_AT)], np.float16)


if __name__ == "__main__":
    main()
