"""`abi.Model`: a file's tokeniser and network behind one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from abi.generate._chat import ChatGeneration, chat_template, start_chat
from abi.generate._constrain import ConstrainModel
from abi.generate._decode import Cancel, decode
from abi.generate._draft import Draft, ModelDraft
from abi.generate._embedding import EmbeddingModel
from abi.generate._generation import Choices, Generation
from abi.generate._overlays import OverlayModel
from abi.generate._request import (
    GenerateOptions,
    make_request,
    make_tracks,
    split,
)
from abi.model import Progress
from abi.sampling import Constraint, SamplingOptions, SamplingParams

if TYPE_CHECKING:
    from abi.chat import Message

__all__ = ["Model"]


class Model(ConstrainModel, EmbeddingModel, OverlayModel):
    """A loaded model; made by `abi.load`.

    Attributes
    ----------
    tokenizer : Tokenizer
    config : Config
    kernels : NumpyKernels
    metadata : mapping
        Of the file.
    weights : str
        "float32" or "blocks": how quantised matrices are held; "native" where native kernels
        keep the blocks of types that they compute with, in an order of their own.
    n_ctx : int
    cache_types : pair of str
        How the cache holds keys and values.
    swa_full : bool
        Whether layers with a sliding window keep all positions.
    prompt_cache : PromptCache
        What the last generation computed; the next one goes on from what it has in common.
    """

    def generate(
        self,
        prompt: str | bytes | Sequence[int] = "",
        *,
        max_tokens: int | None = None,
        stop: str | Sequence[str] = (),
        stop_tokens: Sequence[int] = (),
        parse_special: bool = False,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
        logprobs: int | None = None,
        post_sampling_probs: bool = False,
        sampling: SamplingParams | None = None,
        constraint: Constraint | None = None,
        draft: Draft | None = None,
        draft_tokens: int = 8,
        context_shift: bool = False,
        n_keep: int | None = None,
        **options: Unpack[SamplingOptions],
    ) -> Generation:
        """Continue a prompt.

        Parameters
        ----------
        prompt : str, bytes or sequence of int
            Text, or tokens that are used as they are.
        max_tokens : int, optional
            At most so many; None goes on to the end of the text or of the context window. With
            0 the prompt alone is computed, for `prompt_cache`.
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
        logprobs : int, optional
            Give each token's log-probability, and those of so many alternatives, by the
            model's own logits before any filter.
        post_sampling_probs : bool
            Give them by the probabilities that the token was drawn with instead.
        sampling : SamplingParams, optional
            How tokens are chosen; None takes the defaults.
        constraint : Constraint, optional
            Decides which tokens may come, such as `Model.constrain` gives it. The generation
            advances it.
        draft : Draft, optional
            Guesses what comes next (`PromptLookup`, or `Model.draft_for`), so that several
            tokens may be checked in one pass. The text is the same without it.
        draft_tokens : int
            The most that is guessed at a time.
        context_shift : bool
            When the context is full, forget the older half of the text and go on. Without
            it the generation ends there.
        n_keep : int, optional
            Tokens of the prompt that are never forgotten so; None keeps the start token.
        **options
            Fields of `abi.sampling.SamplingParams`, such as temperature, top_k and seed, over
            those of `sampling`. Penalties look at the prompt too.

        Returns
        -------
        Generation
            An iterator of pieces of text. Nothing runs before the first is asked for. It
            raises `FormatError` if the weights are such that NaN or infinity comes out, and
            `InputError` if bans or the constraint leave no token.

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
        request = make_request(
            self, prompt, max_tokens=max_tokens, stop=stop, stop_tokens=stop_tokens,
            parse_special=parse_special, cancel=cancel, progress=progress, logprobs=logprobs,
            post_sampling_probs=post_sampling_probs, context_shift=context_shift, n_keep=n_keep,
            draft=draft, draft_tokens=draft_tokens,
        )  # fmt: skip
        tracks = make_tracks(self, request, 1, sampling, constraint, options)
        generation = tracks[0].generation
        generation._pieces = (piece for _, piece in decode(tracks, self.transformer, request))
        return generation

    def choices(
        self,
        prompt: str | bytes | Sequence[int] = "",
        *,
        n: int,
        sampling: SamplingParams | None = None,
        constraint: Constraint | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Choices:
        """Continue a prompt in `n` ways, which share its computation and decode together.

        Choice i is what `generate` gives with the seed plus i.

        Parameters
        ----------
        prompt : str, bytes or sequence of int
        n : int
            1 to 1024; each takes a cache of its own.
        sampling, constraint, **options
            As `generate` takes them. Each choice has its own copy of the constraint.

        Returns
        -------
        Choices
            An iterator of `(index, piece)`.

        Raises
        ------
        ContextLengthError, InputError
            As `generate`.

        Examples
        --------
        >>> import abi
        >>> texts = abi.load().choices("Once upon a time", n=3, max_tokens=8, seed=1).read()
        >>> len(texts)
        3
        """
        asked, chosen = split(options)
        request = make_request(self, prompt, **asked)
        own = None if constraint is None else constraint.copy()
        tracks = make_tracks(self, request, n, sampling, own, chosen)
        return Choices(
            [track.generation for track in tracks], decode(tracks, self.transformer, request)
        )

    def chat(
        self,
        messages: Sequence[Mapping[str, Any] | Message],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        template: str | None = None,
        template_name: str | None = None,
        template_kwargs: Mapping[str, Any] | None = None,
        stream: bool = False,
        structured: bool = False,
        **options: Any,
    ) -> ChatGeneration | Message | str:
        """Answer a conversation, by the model's own chat template.

        Parameters
        ----------
        messages : sequence of mapping or Message
            As OpenAI's interface has them: "role", "content", and where there are some
            "tool_calls", "tool_call_id" and "reasoning_content".
        tools, documents : sequence of mapping, optional
            What the model may call, as OpenAI's interface has it, and what it may quote.
        template, template_name : str, optional
            Jinja2 source in place of the model's own; or which of its named templates.
        template_kwargs : mapping, optional
            What else the template reads, such as `{"enable_thinking": False}`.
        stream, structured : bool
            Return the `ChatGeneration`, of which nothing has run yet, or the whole `Message`.
        **options
            As `generate` takes them.

        Returns
        -------
        str, Message or ChatGeneration
            The content, unless `structured` or `stream` ask for more.

        Raises
        ------
        InputError
            If there is no template, or it refuses the messages or leaves out what is given.
        """
        generation = start_chat(
            self, messages, chat_template(self, template, name=template_name, tools=bool(tools)),
            tools=tools, documents=documents, variables=template_kwargs, **options,
        )  # fmt: skip
        return generation if stream else generation.answer(structured)

    def draft_for(self, model: Model, *, least: float = 0.4) -> ModelDraft:
        """This model as the draft of a larger one, for its `generate(draft=)`.

        Parameters
        ----------
        model : Model
            With the same vocabulary.
        least : float
            A guess ends before a token less likely than this.

        Raises
        ------
        InputError
            If the vocabularies differ.
        """
        n_ctx = min(self.n_ctx, model.n_ctx)
        return ModelDraft(self.transformer, self.tokenizer, model.tokenizer, n_ctx, least)
