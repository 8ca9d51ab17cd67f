"""What a sampler is made from: the options, their defaults and their ranges.

Names and defaults are those of llama.cpp (`common_params_sampling`, and the fields of its
server). Nothing here imports NumPy, so that a command line can read the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypedDict

from abi.errors import InputError

__all__ = ["DEFAULT_SAMPLERS", "SAMPLER_LETTERS", "SamplingOptions", "SamplingParams"]

# Names of the samplers by the letters of llama.cpp's `--sampler-seq`.
SAMPLER_LETTERS = {
    "e": "penalties", "d": "dry", "s": "top_n_sigma", "k": "top_k", "y": "typ_p", "p": "top_p",
    "m": "min_p", "x": "xtc", "t": "temperature", "a": "adaptive_p",
}  # fmt: skip

# The order of llama.cpp.
DEFAULT_SAMPLERS = (
    "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature",
)  # fmt: skip

_ALIASES = {"nucleus": "top_p", "temp": "temperature", "typ": "typ_p"}


class SamplingOptions(TypedDict, total=False):
    """The fields of `SamplingParams` as keywords, each of which may be left out."""

    temperature: float
    dynatemp_range: float
    dynatemp_exponent: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    top_n_sigma: float
    xtc_probability: float
    xtc_threshold: float
    repeat_last_n: int
    repeat_penalty: float
    presence_penalty: float
    frequency_penalty: float
    dry_multiplier: float
    dry_base: float
    dry_allowed_length: int
    dry_penalty_last_n: int
    dry_sequence_breakers: Sequence[str]
    mirostat: int
    mirostat_tau: float
    mirostat_eta: float
    adaptive_target: float
    adaptive_decay: float
    logit_bias: Mapping[int | str, float | bool]
    samplers: Sequence[str]
    min_keep: int
    seed: int | None


@dataclass(frozen=True)
class SamplingParams:
    """How the next token is chosen; the defaults are llama.cpp's.

    Attributes
    ----------
    temperature : float
        Logits are divided by it; 0 takes the most likely token of those kept.
    dynatemp_range, dynatemp_exponent : float
        Let the temperature move by so much to either side, following the entropy to the
        power of the exponent; a range of 0 is off.
    top_k : int
        Keep the k most likely tokens; 0 is off.
    top_p : float
        Keep the most likely tokens whose probabilities reach p together; 1 is off.
    min_p : float
        Keep tokens at least p times as likely as the most likely; 0 is off.
    typical_p : float
        Keep the tokens of most typical surprise that pass p together; 1 is off.
    top_n_sigma : float
        Keep tokens within n standard deviations of the highest logit; 0 or less is off.
    xtc_probability, xtc_threshold : float
        With this probability, drop all but the least likely of the tokens that reach the
        threshold; a probability of 0, or a threshold above 0.5, is off.
    repeat_last_n : int
        Tokens, of prompt and text, that the three penalties look back at; 0 is off.
    repeat_penalty : float
        Divides the logits of repeated tokens, multiplies negative ones; 1 is off.
    presence_penalty, frequency_penalty : float
        Taken from the logit of a repeated token once, and for each time it came.
    dry_multiplier, dry_base : float
        A token that would prolong a repetition of n tokens loses multiplier *
        base ** (n - dry_allowed_length); a multiplier of 0 is off.
    dry_allowed_length, dry_penalty_last_n : int
        Repetitions shorter than this are free; tokens to look back at, 0 is off.
    dry_sequence_breakers : sequence of str
        Texts that no repetition reaches across, of at most 40 bytes.
    mirostat : int
        1 or 2 steers the surprise of the text instead of all filters; 0 is off.
    mirostat_tau, mirostat_eta : float
        Target surprise in bits, and learning rate.
    adaptive_target, adaptive_decay : float
        For the sampler "adaptive_p": probability to stay near (negative is off), and how
        slowly past choices are forgotten.
    logit_bias : mapping of int or str to float or False
        Added to the logit of a token, or of each token of a text; False or -inf bans it.
    samplers : sequence of str
        Filters in order; "adaptive_p" among them draws in place of the plain draw.
    min_keep : int
        top_p, min_p, typical_p and XTC leave at least so many; 0 is off.
    seed : int, optional
        0 to 4294967295, makes the draws repeatable; None takes one from the system.

    Raises
    ------
    InputError
        If a value is out of range; the message names it.

    Examples
    --------
    >>> SamplingParams(temperature=0.2, samplers=["top-k", "temp"]).samplers
    ('top_k', 'temperature')
    >>> SamplingParams(top_k=5, seed=3)
    SamplingParams(top_k=5, seed=3)
    """

    temperature: float = 0.8
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: Sequence[str] = ("\n", ":", '"', "*")
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    adaptive_target: float = -1.0
    adaptive_decay: float = 0.9
    logit_bias: Mapping[int | str, float | bool] = field(default_factory=dict)
    samplers: Sequence[str] = DEFAULT_SAMPLERS
    min_keep: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if not rule.holds(value):
                raise InputError(f"{name}={value!r}: expected {rule.expected}")
        samplers = tuple(_canonical(name) for name in _texts("samplers", self.samplers))
        breakers = _texts("dry_sequence_breakers", self.dry_sequence_breakers)
        for text in breakers:
            if not 0 < len(text.encode("utf-8", "surrogatepass")) <= _MAX_BREAKER:
                raise InputError(f"dry_sequence_breakers: {text!r}: expected 1 to 40 bytes")
        _check_bias(self.logit_bias)
        object.__setattr__(self, "samplers", samplers)
        object.__setattr__(self, "dry_sequence_breakers", breakers)
        object.__setattr__(self, "logit_bias", dict(self.logit_bias))

    def __repr__(self) -> str:
        """What differs from the defaults."""
        plain = SamplingParams()
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        changed = [f"{k}={v!r}" for k, v in values.items() if v != getattr(plain, k)]
        return f"SamplingParams({', '.join(changed)})"


class _Rule(NamedTuple):
    holds: Callable[[Any], bool]
    expected: str


_MAX_BREAKER = 40
_MAX_TEXTS = 64  # breakers, each of which is looked for in every token; samplers
_MAX_SEED = 2**32 - 1


def _is_number(value: Any) -> bool:
    """Finite, and not a bool; NumPy's numbers are taken."""
    try:
        return not isinstance(value, bool | str | bytes) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def _number(expected: str, low: float = -math.inf, high: float = math.inf) -> _Rule:
    return _Rule(lambda value: _is_number(value) and low <= value <= high, expected)


def _whole(low: int, high: float, expected: str) -> _Rule:
    def holds(value: Any) -> bool:
        return hasattr(value, "__index__") and type(value) is not bool and low <= value <= high

    return _Rule(holds, expected)


_COUNT = _whole(0, 2**31 - 1, "a whole number, 0 to 2147483647")
_SHARE = _number("a number, 0 to 1", 0, 1)
_POSITIVE = _number("a number, 0 or above", 0)
_FINITE = _number("a number, -1e30 to 1e30", -1e30, 1e30)
_BITS = _number("a number, 0 to 1000", 0, 1000)
_SEED = _whole(0, _MAX_SEED, f"a whole number, 0 to {_MAX_SEED}")
_RULES = {
    "temperature": _POSITIVE,
    "dynatemp_range": _POSITIVE,
    "dynatemp_exponent": _FINITE,
    "top_k": _COUNT,
    "top_p": _SHARE,
    "min_p": _SHARE,
    "typical_p": _SHARE,
    "top_n_sigma": _FINITE,
    "xtc_probability": _SHARE,
    "xtc_threshold": _SHARE,
    "repeat_last_n": _COUNT,
    "repeat_penalty": _number("a number, 1e-30 to 1e30", 1e-30, 1e30),
    "presence_penalty": _FINITE,
    "frequency_penalty": _FINITE,
    "dry_multiplier": _number("a number, 0 to 1e30", 0, 1e30),
    "dry_base": _number("a number, 1 to 1e30", 1, 1e30),
    "dry_allowed_length": _COUNT,
    "dry_penalty_last_n": _COUNT,
    "mirostat": _whole(0, 2, "0, 1 or 2"),
    "mirostat_tau": _BITS,
    "mirostat_eta": _BITS,
    "adaptive_target": _number("a number up to 1; negative is off", high=1),
    "adaptive_decay": _number("a number, 0 to 0.99", 0, 0.99),
    "min_keep": _COUNT,
    "seed": _Rule(lambda value: value is None or _SEED.holds(value), _SEED.expected),
}


def _texts(name: str, values: Sequence[str]) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InputError(f"{name}={values!r}: expected a list of texts")
    if len(values) > _MAX_TEXTS:
        raise InputError(f"{name}: {len(values)} texts, expected at most {_MAX_TEXTS}")
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{name}={values!r}: expected a list of texts")
    return tuple(values)


def _canonical(name: str) -> str:
    """A sampler's name from what llama.cpp takes for it, such as "top-k" and "topk"."""
    known = {key.replace("_", ""): key for key in SAMPLER_LETTERS.values()} | _ALIASES
    found = known.get(name.lower().replace("-", "").replace("_", ""))
    if found is None:
        names = ", ".join(SAMPLER_LETTERS.values())
        raise InputError(f"samplers: {name!r} is not a sampler; expected some of {names}")
    return found


def _check_bias(bias: Mapping[int | str, float | bool]) -> None:
    if not isinstance(bias, Mapping):
        raise InputError(f"logit_bias={bias!r}: expected a mapping of tokens to numbers")
    for token, value in bias.items():
        if not (isinstance(token, str) or hasattr(token, "__index__")):
            raise InputError(f"logit_bias: {token!r}: expected a token id or a text")
        banned = value is False or value == -math.inf
        if not banned and not _FINITE.holds(value):
            raise InputError(
                f"logit_bias[{token!r}]={value!r}: expected {_FINITE.expected}, or False to ban"
            )
