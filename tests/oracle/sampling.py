"""Rows, options and histories that our samplers and llama.cpp's are compared on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "BREAKERS", "DRAWS", "FILTERS", "LARGE_VOCAB", "N_LARGE", "Case", "Run", "cases", "large_row",
    "row", "runs",
]  # fmt: skip

Options = dict[str, Any]
Row = npt.NDArray[np.float32]

N_CASES = 40  # a filter
N_STEPS = 40  # tokens a run
LARGE_VOCAB, N_LARGE = 32_000, 200
BREAKERS = ("\n", ":", '"', "*", "he ", ". T", "and the")


@dataclass(frozen=True)
class Case:
    """One row through one filter."""

    name: str
    options: Options
    logits: Row
    ordered: bool
    history: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """Tokens drawn one after the other, each accepted."""

    options: Options
    rows: list[Row]
    prompt: list[int]


def _share(rng: np.random.Generator) -> float:
    return round(float(rng.uniform(0.02, 0.999)), 3)


def _keep(rng: np.random.Generator) -> int:
    return int(rng.choice([0, 0, 1, 5, 30]))


FILTERS = {
    "top_k": lambda r: {"top_k": int(r.integers(1, 300))},
    "top_p": lambda r: {"top_p": _share(r), "min_keep": _keep(r)},
    "min_p": lambda r: {"min_p": _share(r) / 4, "min_keep": _keep(r)},
    "typ_p": lambda r: {"typical_p": _share(r), "min_keep": _keep(r)},
    "top_n_sigma": lambda r: {"top_n_sigma": round(float(r.uniform(0.2, 4)), 2)},
    "temperature": lambda r: {"temperature": round(float(r.choice([0, r.uniform(0.05, 3)])), 2)},
    "dynatemp": lambda r: {
        "temperature": round(float(r.uniform(0, 2)), 2),
        "dynatemp_range": round(float(r.uniform(0.1, 2)), 2),
        "dynatemp_exponent": round(float(r.uniform(0.3, 3)), 2),
    },
    "xtc": lambda r: {
        "xtc_probability": round(float(r.uniform(0.3, 1)), 2),
        "xtc_threshold": round(float(r.uniform(0.005, 0.3)), 3),
        "min_keep": _keep(r),
        "seed": int(r.integers(2**32 - 1)),
    },
    "penalties": lambda r: {
        "repeat_last_n": int(r.integers(1, 80)),
        "repeat_penalty": round(float(r.uniform(0.7, 1.6)), 2),
        "frequency_penalty": round(float(r.uniform(-0.5, 1)), 2),
        "presence_penalty": round(float(r.uniform(-0.5, 1)), 2),
    },
    "dry": lambda r: {
        "dry_multiplier": round(float(r.uniform(0.1, 2)), 2),
        "dry_base": round(float(r.uniform(1, 2.5)), 2),
        "dry_allowed_length": int(r.integers(0, 5)),
        "dry_penalty_last_n": int(r.integers(2, 100)),
        "dry_sequence_breakers": list(BREAKERS[: int(r.integers(0, len(BREAKERS) + 1))]),
    },
    "logit_bias": lambda r: {
        "logit_bias": {
            int(t): float(b)
            for t, b in zip(
                r.choice(7, 4, replace=False), [1.5, -2.25, -np.inf, 0.125], strict=True
            )
        }
    },
}

DRAWS = {  # what runs differ in; everything else is as the defaults have it
    "default": lambda r: {},
    "dist": lambda r: {"samplers": []},
    "greedy": lambda r: {"temperature": 0.0, "repeat_penalty": 1.3},
    "order": lambda r: {"samplers": [str(s) for s in r.permutation(_ALL)], **_everything(r)},
    "everything": lambda r: _everything(r),
    "xtc": lambda r: {"xtc_probability": 0.5, "xtc_threshold": 0.05},
    "mirostat_1": lambda r: {
        "mirostat": 1, "mirostat_tau": round(float(r.uniform(1, 6)), 2), "mirostat_eta": 0.1,
    },
    "mirostat_2": lambda r: {
        "mirostat": 2, "mirostat_tau": round(float(r.uniform(1, 6)), 2), "mirostat_eta": 0.2,
    },
    "adaptive_p": lambda r: {
        "samplers": ["top_k", "adaptive_p"],
        "adaptive_target": round(float(r.uniform(-0.1, 0.7)), 2),
        "adaptive_decay": round(float(r.uniform(0, 0.99)), 2),
    },
}  # fmt: skip

_ALL = ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]


def _everything(rng: np.random.Generator) -> Options:
    # Not both: on the -inf that top-nσ writes, llama.cpp's typical computes NaN.
    typical = [{"typical_p": 0.9}, {"top_n_sigma": 2.5}][int(rng.integers(2))]
    return typical | {
        "temperature": 0.9, "dynatemp_range": 0.4, "top_k": 60, "top_p": 0.9, "min_p": 0.02,
        "xtc_probability": 0.4, "repeat_penalty": 1.1,
        "frequency_penalty": 0.1, "presence_penalty": 0.05, "dry_multiplier": 0.7,
        "min_keep": _keep(rng),
    }  # fmt: skip


def row(rng: np.random.Generator, n: int) -> Row:
    """Logits that all differ, some rows peaked and some flat."""
    spread = rng.uniform(0.5, 6)
    return (spread * rng.standard_normal(n)).astype(np.float32)


def cases(name: str) -> Iterator[Case]:
    """Of one filter."""
    rng = np.random.default_rng([17, *name.encode()])
    for i in range(N_CASES):
        n = int(rng.choice([7, 33, 200, 400]))
        logits, ordered = row(rng, n), bool(i % 2)
        words = rng.integers(3, 256, int(rng.integers(1, 7)))
        history = rng.choice(words, int(rng.integers(0, 120))).tolist()
        yield Case(name, FILTERS[name](rng), logits, ordered, history)


def runs(name: str, n_runs: int = 10, salt: int = 23) -> Iterator[Run]:
    """Runs of one kind of draw."""
    rng = np.random.default_rng([salt, *name.encode()])
    for _ in range(n_runs):
        options = DRAWS[name](rng) | {"seed": int(rng.integers(2**32 - 1))}
        n = int(rng.choice([40, 300]))
        base = row(rng, n)
        rows = [base + row(rng, n) / 2 for _ in range(N_STEPS)]
        yield Run(options, rows, rng.integers(0, n, int(rng.integers(0, 90))).tolist())


def large_row(step: int) -> Row:
    """One of the rows of the run over a whole vocabulary."""
    return row(np.random.default_rng([29, step]), LARGE_VOCAB)
