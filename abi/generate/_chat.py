"""Conversations: a prompt by the model's template, and an answer parsed as it is generated."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from abi.errors import InputError
from abi.generate._generation import Generation
from abi.generate._stop import StopFilter, as_stops

if TYPE_CHECKING:  # at run time abi.chat is imported with the first conversation
    from abi.chat import ChatTemplate, Delta, Family, Message, MessageParser
    from abi.generate._model import Model

__all__ = ["ChatGeneration", "chat_template", "start_chat"]


class ChatGeneration(Generation):
    """An answer as it is generated; made by `Model.chat` with `stream=True`.

    Iterating gives pieces of the content alone; `deltas` gives reasoning and calls too. Use one
    of them, once. What `Generation` has, it has.

    Attributes
    ----------
    message : Message
        The answer so far, in parts.
    text : str
        What the model wrote so far, marks of its format and all.
    prompt : str
        The rendered conversation.

    Examples
    --------
    >>> import abi
    >>> hi = [{"role": "user", "content": "Hi"}]
    >>> answer = abi.load().chat(
    ...     hi, template="{{ messages[0].content }}", stream=True, max_tokens=4, seed=1
    ... )
    >>> answer.read() == answer.message.content
    True
    """

    def __init__(
        self,
        generation: Generation,
        model: Model,
        parser: MessageParser,
        prompt: str,
        stops: Sequence[str],
        stop_tokens: Sequence[int],
    ) -> None:
        self.__dict__ = generation.__dict__  # one state, which the running loop writes to
        self.prompt, self._parser = prompt, parser
        self._piece, self._stops = _pieces_with(model, parser.family), StopFilter(stops)
        self._ends = model.tokenizer.vocab.eog | frozenset(stop_tokens)
        self._deltas = self._parsed()

    @property
    def message(self) -> Message:
        return self._parser.message

    def deltas(self) -> Iterator[Delta]:
        """Every part as soon as it is known; a call comes whole."""
        return self._deltas

    def __next__(self) -> str:
        for delta in self._deltas:
            if delta.content:
                return delta.content
        raise StopIteration

    def read(self) -> str:
        """Run to the end and return all of the content."""
        for _ in self:
            pass
        return self.message.content

    def answer(self, structured: bool = False) -> Message | str:
        """Run to the end; the message, or its content alone."""
        content = self.read()
        return self.message if structured else content

    def _parsed(self) -> Iterator[Delta]:
        for text in self._texts():
            self.text += text
            yield from self._parser.feed(text)
        yield from self._parser.finish()

    def _texts(self) -> Iterator[str]:
        """The text with the control tokens that are marks, up to a stop string."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        done = 0
        for _ in self._pieces:
            tokens = self.tokens[done:]
            done += len(tokens)
            yield self._stops.feed(decoder.decode(b"".join(map(self._piece, tokens))))
            if self._stops.stopped is not None:
                self.finish_reason = "stop"
                self.cancel()
                self.close()
                return
        tokens = self.tokens[done:]
        if self.finish_reason == "stop" and tokens and tokens[-1] in self._ends:
            tokens.pop()  # it is no text
        rest = b"".join(map(self._piece, tokens))
        yield self._stops.feed(decoder.decode(rest, final=True))
        yield self._stops.flush()
        if self._stops.stopped is not None:
            self.finish_reason = "stop"


def start_chat(
    model: Model,
    messages: Sequence[Mapping[str, Any] | Message],
    template: ChatTemplate,
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    documents: Sequence[Mapping[str, Any]] | None = None,
    variables: Mapping[str, Any] | None = None,
    stop: str | Sequence[str] = (),
    stop_tokens: Sequence[int] = (),
    **options: Any,
) -> ChatGeneration:
    """An answer of which nothing has run yet; as `Model.chat`."""
    from abi.chat import MessageParser

    prompt = template.render(messages, tools=tools, documents=documents, variables=variables)
    if not prompt.strip():
        raise InputError("the chat template renders nothing for these messages; give another one")
    ids = model.tokenizer.encode(prompt, parse_special=True)
    bos = model.tokenizer.bos
    if bos is not None and ids[:2] == [bos, bos]:
        ids = ids[1:]  # the template wrote a start token of its own
    parser = MessageParser(template.family, tools=tools, prompt=prompt)
    stops = as_stops(stop)
    generation = model.generate(ids, stop_tokens=stop_tokens, **options)
    return ChatGeneration(generation, model, parser, prompt, stops, stop_tokens)


def chat_template(
    model: Model, source: str | None = None, *, name: str | None = None, tools: bool = False
) -> ChatTemplate:
    """The template that `Model.chat` uses.

    Parameters
    ----------
    model : Model
    source : str, optional
        Jinja2 source to use in place of the model's own.
    name : str, optional
        Of one of the model's named templates.
    tools : bool
        Prefer the template for tools, where the model has one.

    Raises
    ------
    InputError
        If the model has none, or none of that name.
    """
    from abi.chat import ChatTemplate

    if source is not None and not isinstance(source, str):
        raise InputError(f"template={source!r:.80}: expected the text of a Jinja2 template")
    vocab = model.tokenizer.vocab
    tokens = {f"{role}_token": vocab.texts[i] for role, i in vocab.special.items()}
    if source is not None:
        return ChatTemplate(source, tokens)
    return ChatTemplate.from_metadata(model.metadata, name=name, tools=tools, tokens=tokens)


def _pieces_with(model: Model, family: Family) -> Any:
    """A token's bytes; those of a control token where its text is in a mark of the family."""
    tokenizer = model.tokenizer
    shown = {
        i
        for i in tokenizer.vocab.partitioned()
        if len(text := tokenizer.vocab.texts[i]) > 2 and any(text in m for m in family.all_marks)
    }
    return lambda token: tokenizer.piece(token, special=token in shown)
