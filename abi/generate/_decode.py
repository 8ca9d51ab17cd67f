"""The loop: the prompt once, then a token at a time for every sequence that goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt

from abi.errors import Cancelled, FormatError
from abi.generate._draft import Draft
from abi.generate._generation import Generation, TokenLogprob
from abi.generate._prompt_cache import PromptCache
from abi.generate._stop import StopFilter
from abi.model import Batch, KVCache, Progress, Transformer
from abi.sampling import Sampler, logprobs_after, logprobs_before
from abi.tokenizer import StreamDecoder, Tokenizer

__all__ = ["Cancel", "Request", "Track", "decode", "prefill"]

Cancel = Callable[[], bool]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Request:
    """What the loop needs to know, checked before."""

    prompt: list[int]
    max_tokens: int
    fills_context: bool  # max_tokens is all that the window leaves
    stop: Sequence[str]
    end_tokens: Collection[int]
    cancel: Cancel | None
    n_batch: int
    n_ctx: int
    cache_types: tuple[str, str]
    swa_full: bool
    progress: Progress | None
    logprobs: int | None
    post_sampling_probs: bool
    context_shift: bool
    n_keep: int
    draft: Draft | None
    draft_tokens: int
    prompt_cache: PromptCache


class Track:
    """One sequence: it takes rows of logits and gives pieces of text."""

    def __init__(self, request: Request, sampler: Sampler, tokenizer: Tokenizer) -> None:
        self.generation = Generation(
            prompt_tokens=request.prompt,
            seed=sampler.seed,
            logprobs=None if request.logprobs is None else [],
        )
        self.ended = False
        self.guess: list[int] = []  # what was fed after its last token
        self.forgotten = 0  # positions that shifts took away
        at_start = all(i == tokenizer.bos for i in request.prompt)
        self._decoder = StreamDecoder(tokenizer, at_start=at_start)
        self._stops = StopFilter(request.stop)
        self._request, self._sampler, self._tokenizer = request, sampler, tokenizer
        sampler.prime(request.prompt)

    def take(self, logits: F32) -> str:
        """The text that the next token completes, perhaps none."""
        if not np.isfinite(logits.max()):
            raise FormatError("the model computes NaN or infinity; its weights are broken")
        request, generation = self._request, self.generation
        token = self._sampler.sample(logits)
        self._sampler.accept(token)
        generation.tokens.append(token)
        if generation.logprobs is not None:
            generation.logprobs.append(self._logprob(logits, token))
        if token in request.end_tokens:
            return self.end("stop")
        shown = self._stops.feed(self._decoder.feed(token))
        if self._stops.stopped is not None:
            return shown + self.end("stop")
        if len(generation.tokens) == request.max_tokens:
            return shown + self.end("context" if request.fills_context else "length")
        return shown

    def end(self, reason: str) -> str:
        """End for this reason; what was held back of the text."""
        rest = self._stops.feed(self._decoder.flush()) + self._stops.flush()
        self.generation.finish_reason = "stop" if self._stops.stopped is not None else reason
        self.ended = True
        return rest

    @property
    def pos(self) -> int:
        """Where its last token stands."""
        made = len(self._request.prompt) + len(self.generation.tokens)
        return made - 1 - self.forgotten

    def batch(self, slot: int) -> Batch:
        """Its last token and a guess of those that follow, to compute the next logits from."""
        request, tokens = self._request, self.generation.tokens
        self.guess = []
        most = min(
            request.draft_tokens,
            request.n_ctx - self.pos - 1,
            request.max_tokens - len(tokens) - 1,
        )
        if request.draft is not None and most > 0:
            self.guess = request.draft.propose([*request.prompt, *tokens], most)
            self.generation.timings.draft_tokens += len(self.guess)
        return Batch.of([tokens[-1], *self.guess], slot=slot, pos=self.pos)

    def take_all(self, rows: F32) -> Iterator[str]:
        """Texts of the next tokens, as far as the guess was right, and of one more.

        It stops short where it is cancelled.
        """
        timings = self.generation.timings
        for i, logits in enumerate(rows):
            yield self.take(logits)
            if self.ended or i == len(self.guess) or self.generation.tokens[-1] != self.guess[i]:
                return
            cancel = self._request.cancel
            if self.generation._cancelled or (cancel is not None and cancel()):
                self.generation._cancelled = True
                return
            timings.draft_accepted += 1
            timings.decode_tokens += 1

    def _logprob(self, logits: F32, token: int) -> TokenLogprob:
        k, drawn = self._request.logprobs or 0, self._sampler.drawn
        if self._request.post_sampling_probs and drawn is not None:
            ranked = logprobs_after(drawn, k)
        else:
            ranked = logprobs_before(logits, token, k)
        piece = self._tokenizer.piece
        top = tuple(TokenLogprob(i, piece(i), value) for i, value in ranked.top)
        return TokenLogprob(token, piece(token), ranked.logprob, top)


def prefill(
    transformer: Transformer,
    cache: KVCache,
    tokens: Sequence[int],
    n_batch: int,
    cancel: Cancel,
    *,
    start: int = 0,
    all_logits: bool = False,
    progress: Progress | None = None,
) -> F32:
    """Feed tokens from `start` on to slot 0 in blocks; logits of the last, or of all.

    Raises
    ------
    Cancelled
        If `cancel()` is true before a block. The blocks before it stay in the cache.
    """
    parts = []
    for pos in range(start, len(tokens), n_batch):
        if cancel():
            raise Cancelled(f"cancelled after {pos} of {len(tokens)} prompt tokens")
        block = tokens[pos : pos + n_batch]
        last = pos + len(block) == len(tokens)
        outputs = None if all_logits else [len(block) - 1] if last else []
        parts.append(transformer.forward(Batch.of(block, pos=pos), cache, outputs))
        if progress is not None:
            progress(pos + len(block), len(tokens))
    return np.concatenate(parts)


def decode(
    tracks: Sequence[Track], transformer: Transformer, request: Request
) -> Iterator[tuple[int, str]]:
    """Generate; fills in the tracks' generations and yields pieces with the track's index."""
    live = dict(enumerate(tracks))  # by slot, until it ends
    try:
        yield from _steps(live, transformer, request)
    except Cancelled:
        yield from _end(live, live, "cancelled")
    except BaseException as error:
        reason = "cancelled" if isinstance(error, GeneratorExit) else "error"
        for track in live.values():
            track.generation.finish_reason = track.generation.finish_reason or reason
        raise


def _steps(
    live: dict[int, Track], transformer: Transformer, request: Request
) -> Iterator[tuple[int, str]]:
    cache, held = _cache(live, transformer, request)
    only, turn = live[0], request.prompt_cache.turn
    try:
        rows = _prompt(live, transformer, cache, held, request)
        if not request.max_tokens:
            yield from _end(live, live, "length")
        while live:
            if request.cancel is not None and request.cancel():
                raise Cancelled("cancelled between tokens")
            yield from _end(live, _cancelled(live), "cancelled")
            if not live:
                return
            rows = rows or _forward(live, transformer, cache, request)
            for slot, track in list(live.items()):
                for piece in track.take_all(rows[slot]):
                    if piece:
                        yield slot, piece
                if track.ended:
                    del live[slot]
                cache.truncate(slot, track.pos)
            rows = {}
    finally:
        if len(cache.lengths) == 1 and not only.forgotten:
            cache.truncate(0, only.pos)
            generation = only.generation
            tokens = [*generation.prompt_tokens, *generation.tokens]
            request.prompt_cache.keep(transformer, cache, tokens, turn)


def _cache(
    live: dict[int, Track], transformer: Transformer, request: Request
) -> tuple[KVCache, int]:
    """A cache for them, and how much of the prompt it holds."""
    if len(live) == 1:
        kept, held = request.prompt_cache.lend(transformer, request.prompt)
        if kept is not None and not (kept.window and request.context_shift):
            return kept, held
    cache = transformer.new_cache(
        n_slots=len(live), n_ctx=request.n_ctx, types=request.cache_types,
        swa_full=request.swa_full or request.context_shift,
    )  # fmt: skip
    return cache, 0


def _cancelled(live: dict[int, Track]) -> list[int]:
    return [slot for slot, track in live.items() if track.generation._cancelled]


def _end(live: dict[int, Track], slots: Iterable[int], reason: str) -> Iterator[tuple[int, str]]:
    """Take these out, with what they held back of their text."""
    for slot in list(slots):
        rest = live.pop(slot).end(reason)
        if rest:
            yield slot, rest


def _prompt(
    live: dict[int, Track], transformer: Transformer, cache: KVCache, held: int, request: Request
) -> dict[int, F32]:
    """Compute the prompt once, give it to every slot; logits `(1, n_vocab)` by slot."""

    def cancelled() -> bool:
        if len(_cancelled(live)) == len(live):
            return True
        return request.cancel is not None and request.cancel()

    started = perf_counter()
    logits = prefill(
        transformer, cache, request.prompt, request.n_batch, cancelled,
        start=held, progress=request.progress,
    )  # fmt: skip
    for slot, track in live.items():
        if slot:
            cache.copy(0, slot)
        timings = track.generation.timings
        timings.prefill_s = perf_counter() - started
        timings.prefill_tokens, timings.reused_tokens = len(request.prompt) - held, held
    return dict.fromkeys(live, logits[-1:])


def _forward(
    live: dict[int, Track], transformer: Transformer, cache: KVCache, request: Request
) -> dict[int, F32]:
    """One step of those that go on, in one batch; logits `(n, n_vocab)` by slot."""
    started = perf_counter()
    for slot, track in live.items():
        if track.pos >= cache.n_ctx:
            discard = max(1, (cache.n_ctx - request.n_keep) // 2)
            transformer.shift(cache, slot, request.n_keep, discard)
            track.forgotten += discard
    batches = [track.batch(slot) for slot, track in live.items()]
    logits = transformer.forward(Batch.join(batches), cache)
    for track in live.values():
        track.generation.timings.decode_s += perf_counter() - started
        track.generation.timings.decode_tokens += 1
    stops = np.cumsum([len(batch) for batch in batches])[:-1]
    return dict(zip(live, np.split(logits, stops), strict=True))
