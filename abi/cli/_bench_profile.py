"""Where a model's time goes, by kernel: `abi bench --profile`."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abi.generate import Model
    from abi.kernels import Profile

__all__ = ["print_profile", "profile_of"]

_DECODED = 16  # tokens that one is taken the mean of


def profile_of(model: Model, n_prefill: int, n_decode: int) -> dict[str, Any]:
    """Milliseconds and bytes of each kernel, of a prefill and of a token after it."""
    from abi.kernels import read_bandwidth, watched
    from abi.model import Batch

    kernels, profile = watched(model.kernels)
    transformer = replace(model.transformer, kernels=kernels)
    report: dict[str, Any] = {"read_gb_s": round(read_bandwidth(model.kernels) / 1e9, 1)}
    n_decode = min(n_decode, _DECODED)
    n_prefill = max(1, min(n_prefill, model.n_ctx - n_decode))
    tokens = [i % transformer.n_vocab for i in range(n_prefill)]
    for _ in range(2):  # the first warms up
        profile.clear()
        cache = transformer.new_cache(n_ctx=n_prefill + n_decode)
        start = perf_counter()
        transformer.forward(Batch.of(tokens), cache, [n_prefill - 1])
        seconds = perf_counter() - start
    report["prefill"] = _table(profile, seconds, 1) | {"tokens": n_prefill}
    profile.clear()
    start = perf_counter()
    for i in range(n_decode):
        transformer.forward(Batch.of(tokens[:1], pos=n_prefill + i), cache)
    report["decode"] = _table(profile, perf_counter() - start, n_decode) | {"tokens": 1}
    return report


def _table(profile: Profile, seconds: float, runs: int) -> dict[str, Any]:
    """Of one run; "other" is what is between kernels."""
    kernels = {
        name: {
            "calls": spent.calls // runs,
            "ms": round(1e3 * spent.seconds / runs, 4),
            "gb_s": round(spent.n_bytes / max(spent.seconds, 1e-9) / 1e9, 2),
        }
        for name, spent in sorted(profile.items(), key=lambda item: -item[1].seconds)
    }
    other = max(0.0, seconds - sum(spent.seconds for spent in profile.values()))
    return {
        "ms": round(1e3 * seconds / runs, 4),
        "kernels": kernels,
        "other_ms": round(1e3 * other / runs, 4),
    }


def print_profile(report: dict[str, Any]) -> None:
    """A table a phase."""
    for phase in ("prefill", "decode"):
        part = report[phase]
        label = f"{phase} of {part['tokens']} token{'s' * (part['tokens'] != 1)}"
        print(f"\n{label}: {part['ms']:.2f} ms; memory reads {report['read_gb_s']} GB/s")
        print(f"{'kernel':12} {'calls':>6} {'ms':>10} {'share':>6} {'GB/s':>7}")
        for name, spent in part["kernels"].items():
            row = f"{name:12} {spent['calls']:6} {spent['ms']:10.3f}"
            print(f"{row} {spent['ms'] / part['ms']:6.1%} {spent['gb_s']:7.1f}")
        print(f"{'other':12} {'':6} {part['other_ms']:10.3f} {part['other_ms'] / part['ms']:6.1%}")
