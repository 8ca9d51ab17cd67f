"""Sampling: from a row of logits to a token, in llama.cpp's order, names and meaning."""

from abi.sampling._candidates import Candidates
from abi.sampling._draw import Drawn
from abi.sampling._logprobs import Ranked, logprobs_after, logprobs_before
from abi.sampling._params import (
    DEFAULT_SAMPLERS,
    SAMPLER_LETTERS,
    SamplingOptions,
    SamplingParams,
)
from abi.sampling._sampler import Constraint, Sampler, make_sampler
from abi.sampling._vocabulary import Vocabulary

__all__ = [
    "DEFAULT_SAMPLERS",
    "SAMPLER_LETTERS",
    "Candidates",
    "Constraint",
    "Drawn",
    "Ranked",
    "Sampler",
    "SamplingOptions",
    "SamplingParams",
    "Vocabulary",
    "logprobs_after",
    "logprobs_before",
    "make_sampler",
]
