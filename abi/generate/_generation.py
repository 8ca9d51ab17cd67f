"""One generation: an iterator of text that knows how it ended and how long it took."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import numpy.typing as npt

from abi.errors import Cancelled, FormatError
from abi.generate._sampling import Sampler
from abi.generate._stop import StopFilter
from abi.model import Batch, KVCache, Progress, Transformer
from abi.tokenizer import StreamDecoder

__all__ = ["Generation", "Timings", "prefill"]

Cancel = Callable[[], bool]


@dataclass
class Timings:
    """Seconds and tokens of the two phases."""

    prefill_s: float = 0.0
    prefill_tokens: int = 0
    decode_s: float = 0.0
    decode_tokens: int = 0

    @property
    def prefill_rate(self) -> float:
        """Tokens a second."""
        return self.prefill_tokens / self.prefill_s if self.prefill_s else 0.0

    @property
    def decode_rate(self) -> float:
        """Tokens a second."""
        return self.decode_tokens / self.decode_s if self.decode_s else 0.0


@dataclass
class Generation:
    """Pieces of text as they are generated.

    Iterate over it once. Leaving the loop early stops the work.

    Attributes
    ----------
    prompt_tokens : list of int
    tokens : list of int
        Generated so far, the one that ended the text included.
    text : str
        Generated so far.
    finish_reason : str or None
        "stop" (end token or stop string), "length" (max_tokens), "context" (the context
        window is full), "cancelled", or "error" (an exception left the loop); None before
        the end.
    timings : Timings
    """

    prompt_tokens: list[int] = field(repr=False)
    tokens: list[int] = field(default_factory=list, repr=False)
    text: str = ""
    finish_reason: str | None = None
    timings: Timings = field(default_factory=Timings)
    _cancelled: bool = field(default=False, repr=False)
    _pieces: Iterator[str] = field(default_factory=lambda: iter(()), repr=False)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = next(self._pieces)
        self.text += piece
        return piece

    def cancel(self) -> None:
        """Stop before the next token, or before the next block of the prompt.

        It may be called from another thread, and once is enough: `finish_reason` says
        "cancelled" from then on unless the text had ended by itself.
        """
        self._cancelled = True
        self.finish_reason = self.finish_reason or "cancelled"

    def read(self) -> str:
        """Run to the end and return all of the text."""
        for _ in self:
            pass
        return self.text


@dataclass(frozen=True)
class Request:
    """What `run` needs to know, checked before."""

    max_tokens: int
    fills_context: bool  # max_tokens is all that the window leaves
    sampler: Sampler
    stop: Sequence[str]
    end_tokens: Collection[int]
    cancel: Cancel | None
    n_batch: int
    n_ctx: int
    progress: Progress | None


def prefill(
    transformer: Transformer,
    cache: KVCache,
    tokens: Sequence[int],
    n_batch: int,
    cancel: Cancel,
    *,
    all_logits: bool = False,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Feed tokens to slot 0 in blocks; logits of the last, or of all, `(n, n_vocab)`.

    Raises
    ------
    Cancelled
        If `cancel()` is true before a block. The blocks before it stay in the cache.
    """
    parts = []
    for start in range(0, len(tokens), n_batch):
        if cancel():
            raise Cancelled(f"cancelled after {start} of {len(tokens)} prompt tokens")
        block = tokens[start : start + n_batch]
        last = start + len(block) == len(tokens)
        outputs = None if all_logits else [len(block) - 1] if last else []
        parts.append(transformer.forward(Batch.of(block, pos=start), cache, outputs))
        if progress is not None:
            progress(start + len(block), len(tokens))
    return np.concatenate(parts)


def run(
    generation: Generation,
    transformer: Transformer,
    decoder: StreamDecoder,
    request: Request,
) -> Iterator[str]:
    """Generate; fills in `generation` and yields its pieces."""
    stops = StopFilter(request.stop)
    cache = transformer.new_cache(n_ctx=request.n_ctx)
    try:
        for token in _tokens(generation, transformer, cache, request):
            shown = stops.feed(decoder.feed(token))
            if shown:
                yield shown
            if stops.stopped is not None:
                break
    except Cancelled:
        generation.finish_reason = "cancelled"
    except GeneratorExit:
        generation.finish_reason = generation.finish_reason or "cancelled"
        raise
    except BaseException:
        generation.finish_reason = "error"
        raise
    rest = stops.feed(decoder.flush()) + stops.flush()
    if stops.stopped is not None:
        generation.finish_reason = "stop"
    if rest:
        yield rest


def _tokens(
    generation: Generation, transformer: Transformer, cache: KVCache, request: Request
) -> Iterator[int]:
    """Tokens to show, until something ends them."""

    def cancelled() -> bool:
        return generation._cancelled or (request.cancel is not None and request.cancel())

    if not request.max_tokens:
        generation.finish_reason = "length"
        return
    timings, prompt = generation.timings, generation.prompt_tokens
    started = perf_counter()
    logits = prefill(
        transformer, cache, prompt, request.n_batch, cancelled, progress=request.progress
    )
    timings.prefill_s, timings.prefill_tokens = perf_counter() - started, len(prompt)
    for made in range(request.max_tokens):
        if cancelled():
            raise Cancelled(f"cancelled after {made} tokens")
        if made:
            batch = Batch.of([generation.tokens[-1]], pos=len(prompt) + made - 1)
            started = perf_counter()
            logits = transformer.forward(batch, cache)
            timings.decode_s += perf_counter() - started
            timings.decode_tokens += 1
        if not np.isfinite(logits[-1].max()):
            raise FormatError("the model computes NaN or infinity; its weights are broken")
        token = request.sampler(logits[-1])
        generation.tokens.append(token)
        if token in request.end_tokens:
            generation.finish_reason = "stop"
            return
        yield token
    generation.finish_reason = "context" if request.fills_context else "length"
