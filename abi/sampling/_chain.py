"""The filters and the draw that options ask for, in their order, as llama.cpp builds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from abi.errors import InputError
from abi.sampling import _filters as filters
from abi.sampling._adaptive import adaptive_p
from abi.sampling._candidates import Filter
from abi.sampling._draw import Draw, greedy_draw, plain_draw
from abi.sampling._dry import dry
from abi.sampling._mirostat import mirostat_1, mirostat_2
from abi.sampling._params import SamplingParams
from abi.sampling._penalties import penalties
from abi.sampling._random import Uniforms
from abi.sampling._temperature import dynamic_temperature, temperature
from abi.sampling._vocabulary import Breakers, Vocabulary
from abi.sampling._xtc import xtc

__all__ = ["Chain", "Setting", "make_chain"]


class Setting(NamedTuple):
    """What a chain is made in."""

    n_vocab: int
    vocabulary: Vocabulary | None
    history: Sequence[int]
    seed: int


class Chain(NamedTuple):
    """Filters, the draw, and what is told of each token taken."""

    filters: list[Filter]
    draw: Draw
    accept: Callable[[int], None] | None = None


def make_chain(p: SamplingParams, setting: Setting) -> Chain:
    """With mirostat only biases and temperature come before the draw, as in llama.cpp."""
    first = _bias(p, setting)
    names = p.samplers if not p.mirostat else ["temperature"]
    greedy = p.temperature == 0 and (bool(p.mirostat) or p.dynatemp_range == 0)
    if greedy and "temperature" in names:
        names = names[: names.index("temperature")]
        return Chain(_made(first, names, p, setting, _KEEP_THE_BEST), greedy_draw)
    made = _made(first, names, p, setting)
    uniforms = Uniforms(setting.seed)
    if p.mirostat == 1:
        draw = mirostat_1(setting.n_vocab, p.mirostat_tau, p.mirostat_eta, uniforms)
        return Chain(made, draw)
    if p.mirostat == 2:
        return Chain(made, mirostat_2(p.mirostat_tau, p.mirostat_eta, uniforms))
    if "adaptive_p" in names:
        return Chain(made, *adaptive_p(p.adaptive_target, p.adaptive_decay, uniforms))
    return Chain(made, plain_draw(uniforms))


_KEEP_THE_BEST = ("top_n_sigma", "top_k", "top_p", "min_p")


def _made(
    first: Filter | None,
    names: Sequence[str],
    p: SamplingParams,
    setting: Setting,
    needless_last: Sequence[str] = (),
) -> list[Filter]:
    """The filters that are on, less these at the end."""
    made = [(name, _MAKERS[name](p, setting)) for name in names if name != "adaptive_p"]
    steps = [(name, step) for name, step in [("logit_bias", first), *made] if step is not None]
    while steps and steps[-1][0] in needless_last:
        steps.pop()
    return [step for _, step in steps]


def _penalties(p: SamplingParams, setting: Setting) -> Filter | None:
    factors = (p.repeat_penalty, p.frequency_penalty, p.presence_penalty)
    if p.repeat_last_n == 0 or factors == (1, 0, 0):
        return None
    return penalties(setting.history, p.repeat_last_n, *factors)


def _dry(p: SamplingParams, setting: Setting) -> Filter | None:
    if p.dry_multiplier == 0 or p.dry_penalty_last_n == 0:
        return None
    breakers: Breakers = {}
    if p.dry_sequence_breakers:
        breakers = _needed(setting, "dry_sequence_breakers").breakers(p.dry_sequence_breakers)
    return dry(
        setting.history, breakers, p.dry_multiplier, p.dry_base, p.dry_allowed_length,
        p.dry_penalty_last_n,
    )  # fmt: skip


def _temperature(p: SamplingParams, _: Setting) -> Filter | None:
    if p.dynatemp_range > 0 and not p.mirostat:
        return dynamic_temperature(p.temperature, p.dynatemp_range, p.dynatemp_exponent)
    return temperature(p.temperature) if p.temperature != 1 else None


def _xtc(p: SamplingParams, setting: Setting) -> Filter | None:
    if p.xtc_probability == 0 or p.xtc_threshold > 0.5:
        return None
    return xtc(p.xtc_probability, p.xtc_threshold, p.min_keep, Uniforms(setting.seed))


_MAKERS: dict[str, Callable[[SamplingParams, Setting], Filter | None]] = {
    "penalties": _penalties,
    "dry": _dry,
    "top_n_sigma": lambda p, _: filters.top_n_sigma(p.top_n_sigma) if p.top_n_sigma > 0 else None,
    "top_k": lambda p, _: filters.top_k(p.top_k) if p.top_k else None,
    "typ_p": lambda p, _: filters.typical(p.typical_p, p.min_keep) if p.typical_p < 1 else None,
    "top_p": lambda p, _: filters.top_p(p.top_p, p.min_keep) if p.top_p < 1 else None,
    "min_p": lambda p, _: filters.min_p(p.min_p, p.min_keep) if p.min_p > 0 else None,
    "xtc": _xtc,
    "temperature": _temperature,
}


def _bias(p: SamplingParams, setting: Setting) -> Filter | None:
    """Biases by token id; a text's goes to each of its tokens."""
    total: dict[int, float] = {}
    for key, value in p.logit_bias.items():
        amount = float("-inf") if value is False else float(value)
        if isinstance(key, str):
            raw = key.encode("utf-8", "surrogateescape")
            tokens = _needed(setting, "logit_bias on a text").encode(raw)
        else:
            tokens = [int(key)]
        for token in tokens:
            if not 0 <= token < setting.n_vocab:
                raise InputError(
                    f"logit_bias: token {token} is not in the vocabulary "
                    f"(0 to {setting.n_vocab - 1})"
                )
            total[token] = total.get(token, 0.0) + amount
    return filters.logit_bias(total) if total else None


def _needed(setting: Setting, what: str) -> Vocabulary:
    if setting.vocabulary is None:
        raise InputError(f"{what} needs the token texts; pass vocabulary=")
    return setting.vocabulary
