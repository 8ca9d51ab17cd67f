"""What a caller asks for, checked before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import index
from typing import TYPE_CHECKING, Any, TypedDict, cast

from abi.errors import ContextLengthError, InputError, UnsupportedError
from abi.generate._decode import Cancel, Request, Track
from abi.generate._draft import Draft
from abi.generate._stop import as_stops
from abi.model import Progress
from abi.sampling import Constraint, SamplingOptions, SamplingParams, make_sampler

if TYPE_CHECKING:
    from abi.generate._model import Model

__all__ = ["GenerateOptions", "check_fit", "known_ids", "make_request", "make_tracks", "split"]

_MAX_CHOICES = 1024  # each takes a cache of its own
_SEEDS = 2**32


class _RequestOptions(TypedDict, total=False):
    max_tokens: int | None
    stop: str | Sequence[str]
    stop_tokens: Sequence[int]
    parse_special: bool
    cancel: Cancel | None
    progress: Progress | None
    logprobs: int | None
    post_sampling_probs: bool
    context_shift: bool
    n_keep: int | None
    draft: Draft | None
    draft_tokens: int


class GenerateOptions(_RequestOptions, SamplingOptions, total=False):
    """Keywords of `Model.generate`."""


_ASKED = _RequestOptions.__optional_keys__


def split(options: GenerateOptions) -> tuple[_RequestOptions, SamplingOptions]:
    """What is for the request, and what is for the sampler."""
    asked = {key: value for key, value in options.items() if key in _ASKED}
    chosen = {key: value for key, value in options.items() if key not in _ASKED}
    return cast(_RequestOptions, asked), cast(SamplingOptions, chosen)


def make_request(
    model: Model,
    prompt: str | bytes | Sequence[int],
    *,
    max_tokens: int | None = None,
    stop: str | Sequence[str] = (),
    stop_tokens: Sequence[int] = (),
    parse_special: bool = False,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
    logprobs: int | None = None,
    post_sampling_probs: bool = False,
    context_shift: bool = False,
    n_keep: int | None = None,
    draft: Draft | None = None,
    draft_tokens: int = 8,
) -> Request:
    """The request, or an error that names the option."""
    n_vocab = model.transformer.n_vocab
    if isinstance(prompt, str | bytes):
        ids = model.tokenizer.encode(prompt, parse_special=parse_special)
    else:
        ids = known_ids(prompt, n_vocab)
    _check_count("max_tokens", max_tokens)
    _check_count("logprobs", logprobs)
    _check_kinds(model, cancel, draft, draft_tokens)
    check_fit(len(ids), 0 if context_shift else max_tokens or 0, model.n_ctx)
    # The last token needs no position: nothing is computed from it.
    room = sys.maxsize if context_shift else model.n_ctx - len(ids) + 1
    return Request(
        prompt=ids,
        max_tokens=room if max_tokens is None else max_tokens,
        fills_context=max_tokens is None,
        context_shift=context_shift,
        n_keep=_kept(model, ids, n_keep),
        draft=draft,
        draft_tokens=draft_tokens,
        prompt_cache=model.prompt_cache,
        stop=as_stops(stop),
        end_tokens=model.tokenizer.vocab.eog | frozenset(known_ids(stop_tokens, n_vocab)),
        cancel=cancel,
        n_batch=model.n_batch,
        n_ctx=model.n_ctx,
        cache_types=model.cache_types,
        swa_full=model.swa_full,
        progress=progress,
        logprobs=logprobs,
        post_sampling_probs=post_sampling_probs,
    )


def _check_kinds(model: Model, cancel: Any, draft: Any, draft_tokens: Any) -> None:
    if cancel is not None and not callable(cancel):
        raise InputError(f"cancel={cancel!r}: expected a function of no arguments")
    if model.transformer.outside.output is None or not model.config.causal:
        arch = model.config.arch.name
        raise UnsupportedError(f"this {arch} model is an encoder; use embed() or rerank()")
    if draft is not None and not callable(getattr(draft, "propose", None)):
        shown = str(draft)[:80]
        raise InputError(f"draft={shown!r}: expected PromptLookup() or draft_for() of a model")
    if type(draft_tokens) is not int or draft_tokens < 1:
        raise InputError(f"draft_tokens={draft_tokens!r}: expected a whole number above 0")


def _kept(model: Model, ids: list[int], n_keep: int | None) -> int:
    """Tokens that a shift leaves at the start."""
    if n_keep is None:
        return min(int(ids[:1] == [model.tokenizer.bos]), model.n_ctx // 2)
    _check_count("n_keep", n_keep)
    if n_keep > model.n_ctx // 2:
        raise InputError(f"n_keep={n_keep}: expected at most half of the context, {model.n_ctx}")
    return n_keep


def make_tracks(
    model: Model,
    request: Request,
    n: int,
    sampling: SamplingParams | None,
    constraint: Constraint | None,
    options: SamplingOptions,
) -> list[Track]:
    """Sequences that differ in their seeds: the one given, plus their index."""
    names = ("allowed", "check", "accept", "copy")
    if constraint is not None and not all(callable(getattr(constraint, k, None)) for k in names):
        shown = str(constraint)[:80]
        raise InputError(f"constraint={shown!r}: expected what constrain() of a model gives")
    if type(n) is not int or not 1 <= n <= _MAX_CHOICES:
        raise InputError(f"n={n!r}: expected a whole number, 1 to {_MAX_CHOICES}")
    params = replace(sampling or SamplingParams(), **options)
    return list(_tracks(model, request, n, params, constraint))


def _tracks(
    model: Model, request: Request, n: int, params: SamplingParams, constraint: Constraint | None
) -> Iterator[Track]:
    n_vocab, words = model.transformer.n_vocab, model._vocabulary
    first = make_sampler(n_vocab, params, vocabulary=words, constraint=constraint)
    yield Track(request, first, model.tokenizer)
    for i in range(1, n):
        own = replace(params, seed=(first.seed + i) % _SEEDS)
        state = None if constraint is None else constraint.copy()
        sampler = make_sampler(n_vocab, own, vocabulary=words, constraint=state)
        yield Track(request, sampler, model.tokenizer)


def known_ids(values: Sequence[int], n_vocab: int) -> list[int]:
    """Token ids of the vocabulary, or an error."""
    try:
        ids = [index(value) for value in values]
    except TypeError as error:
        raise InputError(f"expected text, bytes or token ids: {error}") from None
    wrong = [i for i in ids if not 0 <= i < n_vocab]
    if wrong:
        raise InputError(f"token {wrong[0]} is not in the vocabulary (0 to {n_vocab - 1})")
    return ids


def _check_count(name: str, value: Any) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise InputError(f"{name}={value!r}: expected a whole number, 0 or above")


def check_fit(n_prompt: int, max_tokens: int, n_ctx: int) -> None:
    """Raise unless the prompt and so many tokens fit in the window."""
    if not n_prompt:
        raise InputError("the prompt has no tokens; give a text, or a start token id")
    total = n_prompt + max(0, max_tokens - 1)
    if total > n_ctx:
        more = f" and {max_tokens} to generate" if max_tokens else ""
        raise ContextLengthError(
            f"prompt of {n_prompt} tokens{more}: {total} positions, the context has "
            f"{n_ctx}; shorten it, or load with n_ctx={total}",
            n_tokens=total,
            n_ctx=n_ctx,
        )
