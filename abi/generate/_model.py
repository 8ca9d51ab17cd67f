"""`abi.Model`: a file's tokeniser and network behind one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import ContextLengthError, InputError
from abi.generate._chat import render_chat
from abi.generate._generation import Cancel, Generation, Request, prefill, run
from abi.generate._sampling import Sampler, make_sampler
from abi.gguf import GGUFFile
from abi.kernels import NumpyKernels
from abi.model import Config, Progress, Transformer
from abi.tokenizer import StreamDecoder, Tokenizer

__all__ = ["Model"]


class Model:
    """A loaded model; made by `abi.load`.

    Attributes
    ----------
    tokenizer : Tokenizer
    config : Config
    kernels : NumpyKernels
    metadata : mapping
        Of the file.
    weights : str
        "float32" or "blocks": what the kernels were asked for. Native kernels keep the blocks
        of types that they compute with.
    n_ctx : int
    """

    def __init__(
        self,
        file: GGUFFile,
        transformer: Transformer,
        tokenizer: Tokenizer,
        n_ctx: int,
        n_batch: int,
    ) -> None:
        self.tokenizer, self.n_ctx, self.n_batch = tokenizer, n_ctx, n_batch
        self.transformer = transformer
        self.metadata: Mapping[str, Any] = file.metadata

    @property
    def config(self) -> Config:
        return self.transformer.config

    @property
    def kernels(self) -> NumpyKernels:
        return self.transformer.kernels

    @property
    def weights(self) -> str:
        return self.transformer.weights

    def logits(
        self, ids: Sequence[int], *, all: bool = False, cancel: Cancel | None = None
    ) -> npt.NDArray[np.float32]:
        """Scores of the next token.

        Parameters
        ----------
        ids : sequence of int
            T tokens.
        all : bool
            After every token instead of the last.
        cancel : callable, optional
            Asked before each block of `n_batch` tokens; true raises `Cancelled`.

        Returns
        -------
        (n_vocab,) float32, or (T, n_vocab) with `all`

        Raises
        ------
        InputError
            If `ids` is empty or holds an unknown token.
        ContextLengthError
            If there are more tokens than the context window holds.
        """
        tokens = self._ids(ids)
        self._check_fit(len(tokens), 0)
        cache = self.transformer.new_cache(n_ctx=self.n_ctx)
        logits = prefill(
            self.transformer, cache, tokens, self.n_batch, cancel or _never, all_logits=all
        )
        return logits if all else logits[-1]

    def generate(
        self,
        prompt: str | bytes | Sequence[int] = "",
        *,
        max_tokens: int | None = None,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.05,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        stop_tokens: Sequence[int] = (),
        parse_special: bool = False,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> Generation:
        """Continue a prompt.

        Parameters
        ----------
        prompt : str, bytes or sequence of int
            Text, or tokens that are used as they are.
        max_tokens : int, optional
            At most so many; None goes on to the end of the text or of the context window.
        temperature, top_k, top_p, min_p, seed
            As `make_sampler` takes them; temperature 0 is greedy.
        stop : str or sequence of str
            Texts that end the generation and are left out of it.
        stop_tokens : sequence of int
            Tokens that end it, beside the model's own end tokens.
        parse_special : bool
            Read control tokens in the text of the prompt.
        cancel : callable, optional
            Asked before each token and each block of the prompt; true ends the generation.
        progress : callable, optional
            Called after each block of the prompt with its tokens so far and in all.

        Returns
        -------
        Generation
            An iterator of pieces of text. Nothing runs before the first is asked for. It
            raises `FormatError` if the weights are such that NaN or infinity comes out.

        Raises
        ------
        ContextLengthError
            If the prompt and `max_tokens` do not fit in the context window.
        InputError
            If the prompt is empty and the model has no start token, or an option is out of
            range.

        Examples
        --------
        >>> import abi
        >>> len(abi.load().generate("Once upon a time", max_tokens=4, seed=1).read()) > 0
        True
        """
        if isinstance(prompt, str | bytes):
            ids = self.tokenizer.encode(prompt, parse_special=parse_special)
        else:
            ids = self._ids(prompt)
        request = self._request(
            len(ids), max_tokens, stop, stop_tokens, cancel, progress,
            make_sampler(
                temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=seed
            ),
        )  # fmt: skip
        decoder = StreamDecoder(self.tokenizer, at_start=all(i == self.tokenizer.bos for i in ids))
        generation = Generation(prompt_tokens=ids)
        generation._pieces = run(generation, self.transformer, decoder, request)
        return generation

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, stream: bool = False, **options: Any
    ) -> Generation | str:
        """Answer a conversation, by the model's own chat template.

        Parameters
        ----------
        messages : sequence of mapping
            With "role" and "content".
        stream : bool
            Return the `Generation` instead of its whole text.
        **options
            As `generate` takes them.

        Raises
        ------
        InputError
            If the model has no chat template, or it refuses the messages.
        """
        template = self.metadata.get("tokenizer.chat_template")
        if not isinstance(template, str):
            raise InputError(
                "the model has no chat template (tokenizer.chat_template); "
                "use generate() with a prompt of your own"
            )
        texts = self.tokenizer.vocab.texts
        names: dict[str, Any] = {
            f"{n}_token": texts[i] for n, i in self.tokenizer.vocab.special.items()
        }
        prompt = render_chat(template, messages, **names)
        ids = self.tokenizer.encode(prompt, parse_special=True)
        bos = self.tokenizer.bos
        if bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]  # the template wrote a start token of its own
        generation = self.generate(ids, **options)
        return generation if stream else generation.read()

    def _ids(self, values: Sequence[int]) -> list[int]:
        """Token ids of the vocabulary, or an error."""
        try:
            ids = [index(value) for value in values]
        except TypeError as error:
            raise InputError(f"expected text, bytes or token ids: {error}") from None
        n_vocab = self.transformer.n_vocab
        wrong = [i for i in ids if not 0 <= i < n_vocab]
        if wrong:
            raise InputError(f"token {wrong[0]} is not in the vocabulary (0 to {n_vocab - 1})")
        return ids

    def _request(
        self,
        n_prompt: int,
        max_tokens: int | None,
        stop: str | Sequence[str],
        stop_tokens: Sequence[int],
        cancel: Cancel | None,
        progress: Progress | None,
        sampler: Sampler,
    ) -> Request:
        if max_tokens is not None and (type(max_tokens) is not int or max_tokens < 0):
            raise InputError(f"max_tokens={max_tokens!r}: expected a whole number, 0 or above")
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, Sequence) or not all(isinstance(s, str) for s in stops):
            raise InputError(f"stop={stop!r}: expected a text or a list of texts")
        if cancel is not None and not callable(cancel):
            raise InputError(f"cancel={cancel!r}: expected a function of no arguments")
        self._check_fit(n_prompt, max_tokens or 0)
        # The last token needs no position: nothing is computed from it.
        room = self.n_ctx - n_prompt + 1
        return Request(
            max_tokens=room if max_tokens is None else max_tokens,
            fills_context=max_tokens is None,
            sampler=sampler,
            stop=stops,
            end_tokens=self.tokenizer.vocab.eog | frozenset(self._ids(stop_tokens)),
            cancel=cancel,
            n_batch=self.n_batch,
            n_ctx=self.n_ctx,
            progress=progress,
        )

    def _check_fit(self, n_prompt: int, max_tokens: int) -> None:
        if not n_prompt:
            raise InputError("the prompt has no tokens; give a text, or a start token id")
        total = n_prompt + max(0, max_tokens - 1)
        if total > self.n_ctx:
            more = f" and {max_tokens} to generate" if max_tokens else ""
            raise ContextLengthError(
                f"prompt of {n_prompt} tokens{more}: {total} positions, the context has "
                f"{self.n_ctx}; shorten it, or load with a larger n_ctx (abi run --ctx {total})",
                n_tokens=total,
                n_ctx=self.n_ctx,
            )

    def __repr__(self) -> str:
        name = str(self.metadata.get("general.name", "unnamed"))[:60]
        return (
            f"<abi.Model {name!r}: {self.config.arch.name}, {self.config.n_layer} layers, "
            f"n_ctx {self.n_ctx}, weights {self.weights}, kernels {self.kernels.name}>"
        )


def _never() -> bool:
    return False
