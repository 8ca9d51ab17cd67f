"""What llama.cpp's samplers keep and draw; `tests.oracle.record` calls it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from typing import Any

import llama_cpp
import numpy as np

from abi.generate import model_path
from abi.sampling import SamplingParams
from tests.oracle.cases import DATA
from tests.oracle.sampling import (
    DRAWS,
    FILTERS,
    N_LARGE,
    Case,
    Run,
    cases,
    large_row,
    runs,
)

_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def record_sampling() -> None:
    """Write `llama-sampling.npz`."""
    model, vocab = tiny_vocabulary()
    arrays: dict[str, Any] = {}
    for name in FILTERS:
        arrays |= _joined(name, (_filtered(case, vocab) for case in cases(name)))
    for name in DRAWS:
        drawn = [drawn_by_llama(run, vocab) for run in runs(name)]
        arrays[f"draws/{name}"] = np.array(drawn, np.int32)
    large = Run({"seed": 1234}, [large_row(i) for i in range(N_LARGE)], [])
    arrays["draws/large"] = np.array(drawn_by_llama(large, vocab), np.int32)
    np.savez_compressed(DATA / "llama-sampling.npz", **arrays)
    model.close()


def tiny_vocabulary() -> tuple[llama_cpp.Llama, Any]:
    """The tiny model's; the second lives as long as the first."""
    model = llama_cpp.Llama(str(model_path()), vocab_only=True, verbose=False)
    return model, llama_cpp.llama_model_get_vocab(model.model)


def _joined(name: str, kept: Iterable[Any]) -> dict[str, Any]:
    """Cases of a filter end to end, with their sizes."""
    parts = list(kept)
    return {
        f"{name}/sizes": np.array([len(part) for part in parts], np.int32),
        f"{name}/ids": np.concatenate([part["id"] for part in parts]),
        f"{name}/logits": np.concatenate([part["logit"] for part in parts]),
    }


def _filtered(case: Case, vocab: Any) -> Any:
    order = np.argsort(-case.logits) if case.ordered else np.arange(len(case.logits))
    data = np.zeros(len(order), _DATA)
    data["id"], data["logit"] = order, case.logits[order]
    name = "temperature" if case.name == "dynatemp" else case.name
    params = SamplingParams(**case.options)
    sampler = _sampler(name, params, len(order), vocab)
    for token in case.history:
        llama_cpp.llama_sampler_accept(sampler, token)
    kept = _apply(sampler, data, case.ordered)[0]
    llama_cpp.llama_sampler_free(sampler)
    return kept


def drawn_by_llama(run: Run, vocab: Any) -> list[int]:
    """The tokens of a run."""
    params = SamplingParams(**run.options)
    n_vocab = len(run.rows[0])
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in _chain(params, n_vocab, vocab):
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    for token in run.prompt:
        llama_cpp.llama_sampler_accept(chain, token)
    tokens = []
    for logits in run.rows:
        data = np.zeros(n_vocab, _DATA)
        data["id"], data["logit"] = np.arange(n_vocab), logits
        kept, selected = _apply(chain, data, False)
        tokens.append(int(kept["id"][selected]))
        llama_cpp.llama_sampler_accept(chain, tokens[-1])
    llama_cpp.llama_sampler_free(chain)
    return tokens


def _apply(sampler: Any, data: Any, ordered: bool) -> tuple[Any, int]:
    pointer = ctypes.cast(data.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data))
    array = llama_cpp.llama_token_data_array(pointer, len(data), -1, ordered)
    llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
    address = ctypes.cast(array.data, ctypes.c_void_p).value
    first = (address - data.ctypes.data) // data.itemsize  # XTC moves the start
    return data[first : first + array.size].copy(), int(array.selected)


def _chain(p: SamplingParams, n_vocab: int, vocab: Any) -> Iterator[Any]:
    """In the order of llama.cpp's `common_sampler_init`."""
    if p.logit_bias:
        yield _sampler("logit_bias", p, n_vocab, vocab)
    if p.mirostat:
        yield llama_cpp.llama_sampler_init_temp(p.temperature)
        yield _sampler(f"mirostat_{p.mirostat}", p, n_vocab, vocab)
        return
    for name in p.samplers:
        if name != "adaptive_p":
            yield _sampler(name, p, n_vocab, vocab)
    yield _sampler("adaptive_p" if "adaptive_p" in p.samplers else "dist", p, n_vocab, vocab)


def _sampler(name: str, p: SamplingParams, n_vocab: int, vocab: Any) -> Any:
    breakers = [text.encode() for text in p.dry_sequence_breakers]
    bias = [llama_cpp.llama_logit_bias(int(t), float(b)) for t, b in p.logit_bias.items()]
    arguments: dict[str, tuple[Any, ...]] = {
        "top_k": (p.top_k,),
        "top_p": (p.top_p, p.min_keep),
        "min_p": (p.min_p, p.min_keep),
        "typical": (p.typical_p, p.min_keep),
        "top_n_sigma": (p.top_n_sigma,),
        "temp_ext": (p.temperature, p.dynatemp_range, p.dynatemp_exponent),
        "xtc": (p.xtc_probability, p.xtc_threshold, p.min_keep, p.seed),
        "penalties": (
            n_vocab, p.repeat_last_n, p.repeat_penalty, p.frequency_penalty, p.presence_penalty,
        ),
        "dry": (
            vocab, p.dry_multiplier, p.dry_base, p.dry_allowed_length, p.dry_penalty_last_n,
            (ctypes.c_char_p * len(breakers))(*breakers), len(breakers),
        ),
        "logit_bias": (n_vocab, len(bias), (llama_cpp.llama_logit_bias * len(bias))(*bias)),
        "dist": (p.seed,),
        "adaptive_p": (p.adaptive_target, p.adaptive_decay, p.seed),
        "mirostat": (n_vocab, p.seed, p.mirostat_tau, p.mirostat_eta, 100),
        "mirostat_v2": (p.seed, p.mirostat_tau, p.mirostat_eta),
    }  # fmt: skip
    renamed = {
        "typ_p": "typical", "temperature": "temp_ext", "mirostat_1": "mirostat",
        "mirostat_2": "mirostat_v2",
    }  # fmt: skip
    name = renamed.get(name, name)
    return getattr(llama_cpp, f"llama_sampler_init_{name}")(*arguments[name])


if __name__ == "__main__":
    record_sampling()
