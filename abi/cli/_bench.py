"""Measure a model: prefill and decode rate, load time, peak memory.

Rates are medians over the repeats.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter
from typing import TYPE_CHECKING, Any

from abi.cli._bench_profile import print_profile, profile_of
from abi.cli._common import Bar, add_json, add_model, load_model, model_name, print_json
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=True)
    parser.add_argument(
        "--prefill", metavar="N,...", help="prompt lengths (128,512 or the context)"
    )
    parser.add_argument("--decode", metavar="N,...", help="tokens to generate (64 or the context)")
    parser.add_argument(
        "-r", "--repeats", type=int, default=3, metavar="N", help="take the median of N (3)"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="time and bytes of each kernel, of one prefill and decode",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi._platform import peak_memory

    prefills, decodes = (
        _lengths(flag, given, default)
        for flag, given, default in (
            ("--prefill", args.prefill, "128,512"), ("--decode", args.decode, "64"),
        )
    )  # fmt: skip
    if args.repeats < 1:
        raise InputError(f"--repeats {args.repeats}: expected 1 or more")
    started = perf_counter()
    model = load_model(args)
    load_s = perf_counter() - started
    if args.prefill is None:
        prefills = sorted({min(n, model.n_ctx) for n in prefills})
    if args.decode is None:
        decodes = [min(n, model.n_ctx) for n in decodes]
    longest = max([*prefills, *decodes], default=0)
    if longest > model.n_ctx:
        raise InputError(f"{longest} tokens do not fit in the context of {model.n_ctx}; see --ctx")
    report: dict[str, Any] = {
        "model": model_name(args),
        "kernels": model.kernels.name,
        "weights": model.weights,
        "load_s": round(load_s, 4),
    }
    with Bar("bench", "run") as bar:
        report["prefill_tok_s"], report["decode_tok_s"] = _rates(
            model, prefills, decodes, args.repeats, bar
        )
    report["peak_memory_bytes"] = peak_memory()
    if args.profile:
        report["profile"] = profile_of(model, max(prefills), max(decodes))
    if args.json:
        print_json(report)
    else:
        _print(report)


def _rates(
    model: Model, prefills: list[int], decodes: list[int], repeats: int, bar: Bar
) -> tuple[dict[int, float], dict[int, float]]:
    done, total = 0, repeats * (len(prefills) + len(decodes))
    prefill: dict[int, list[float]] = {n: [] for n in prefills}
    decode: dict[int, list[float]] = {n: [] for n in decodes}
    for _ in range(repeats):
        for lengths, measure in ((prefill, _prefill), (decode, _decode)):
            for n, rates in lengths.items():
                rates.append(n / measure(model, n))
                done += 1
                bar.update(done, total)
    return (
        {n: round(statistics.median(r), 2) for n, r in prefill.items()},
        {n: round(statistics.median(r), 2) for n, r in decode.items()},
    )


def _prefill(model: Model, n: int) -> float:
    """Seconds to take n tokens in, in blocks as `generate` does."""
    started = perf_counter()
    model.logits(_tokens(model, n))
    return perf_counter() - started


def _decode(model: Model, n: int) -> float:
    """Seconds to run n tokens one by one."""
    from abi.model import Batch

    cache = model.new_cache()
    tokens = _tokens(model, n)
    started = perf_counter()
    for pos, token in enumerate(tokens):
        model.transformer.forward(Batch.of([token], pos=pos), cache)
    return perf_counter() - started


def _tokens(model: Model, n: int) -> list[int]:
    """Any n tokens: what they are does not change the work."""
    return [i % model.transformer.n_vocab for i in range(n)]


def _lengths(flag: str, given: str | None, default: str) -> list[int]:
    text = default if given is None else given
    try:
        lengths = [int(word) for word in text.split(",") if word]
    except ValueError:
        lengths = [0]
    if not lengths or any(n < 1 for n in lengths):
        raise InputError(f"{flag} {text!r}: expected positive numbers with commas between")
    return lengths


def _print(report: dict[str, Any]) -> None:
    print(f"model    {report['model']}")
    print(f"kernels  {report['kernels']}, weights {report['weights']}")
    print(f"load     {report['load_s']:.3f} s")
    for phase in ("prefill", "decode"):
        for n, rate in report[f"{phase}_tok_s"].items():
            print(f"{phase:8} {n:6} tokens {rate:12.1f} tok/s")
    if report["peak_memory_bytes"] is not None:
        print(f"memory   {report['peak_memory_bytes'] / 2**20:.1f} MiB at its peak")
    if "profile" in report:
        print_profile(report["profile"])
