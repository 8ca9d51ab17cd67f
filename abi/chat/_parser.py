"""A model's text to a `Message`, as it comes: content, reasoning, calls.

Nothing is given out that may turn out to be part of a mark: an end of the text that begins one is
held until it is decided. So is white space, because what stands next to a mark is the format's.
The result depends on the text alone, not on how it was cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from abi.chat._family import Calls, Family, Reasoning
from abi.chat._marks import Marks
from abi.chat._message import Delta, Message, ToolCall, new_call_id
from abi.chat._modes import (
    Mode,
    Region,
    arguments_of,
    marks_of,
    recipient,
    signatures,
    tool_call,
)
from abi.chat._scanner import Unfinished

__all__ = ["MessageParser", "parse_message"]

_MAX_HEADER = 300  # characters; what is longer is no header
_MAX_ENDS = 16  # closing marks that may stand inside one text of JSON
_MAX_REASON = 200


class MessageParser:
    """Takes a model's text in pieces.

    Parameters
    ----------
    family : Family
        As `family_of` gives it.
    tools : sequence of mapping
        Those that the model was told of. Without any, text that looks like a call is text.
    prompt : str
        The rendered prompt: it may have opened the reasoning.
    make_id : callable
        Gives the ids of calls whose format has none.

    Attributes
    ----------
    family : Family
    message : Message
        What came so far.

    Examples
    --------
    >>> from abi.chat import family_of
    >>> parser = MessageParser(family_of("<think></think>"))
    >>> deltas = [*parser.feed("<think>Hm.</thi"), *parser.feed("nk>Yes"), *parser.finish()]
    >>> [(d.reasoning, d.content) for d in deltas]
    [('Hm.', ''), ('', 'Yes')]
    """

    def __init__(
        self,
        family: Family,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        prompt: str = "",
        make_id: Callable[[], str] = new_call_id,
    ) -> None:
        self.family, self._make_id = family, make_id
        self._tools = signatures(tools or ())
        self._parts: dict[Mode, list[str]] = {Mode.TEXT: [], Mode.THINK: []}
        self._calls: list[ToolCall] = []
        self._malformed: list[str] = []
        self._buffer = self._opening = ""
        self._space: list[str] = []  # held back, for a mark may follow
        self._before, self._after = "", list[str]()  # white space around the last mark
        self._skip_space = False
        self._region: Region | None = None
        self._marks = marks_of(family, bool(self._tools))
        self._mode = Mode.START if family.headers is None else Mode.HEADER
        if any(prompt.rstrip().endswith(row.open) for row in family.reasoning):
            self._mode, self._skip_space = Mode.THINK, True

    @property
    def message(self) -> Message:
        content, reasoning = ("".join(self._parts[m]) for m in (Mode.TEXT, Mode.THINK))
        return Message(content, reasoning, tuple(self._calls), tuple(self._malformed))

    def feed(self, text: str) -> list[Delta]:
        """What is certain now that `text` came."""
        self._buffer += text
        return self._advance(False)

    def finish(self) -> list[Delta]:
        """The rest, when the text has ended; nothing may be fed after it."""
        deltas = self._advance(True)
        space, self._space = "".join(self._space), []
        return deltas + self._add(self._mode, space)

    def _advance(self, final: bool) -> list[Delta]:
        deltas: list[Delta] = []
        steps = {
            Mode.START: self._start, Mode.HEADER: self._header, Mode.REGION: self._in_region,
        }  # fmt: skip
        while self._buffer or (final and self._mode is Mode.REGION):
            before = self._mode, len(self._buffer)
            deltas += steps.get(self._mode, self._scan)(final)
            if (self._mode, len(self._buffer)) == before:
                break
        return deltas

    def _start(self, final: bool) -> list[Delta]:
        """Whether the answer begins with a bracket, where that may be a call."""
        text = self._buffer.lstrip()
        if not text:
            space, self._buffer = self._buffer, ""
            return self._say(Mode.TEXT, space)  # which holds it back
        self._mode = Mode.TEXT
        if self.family.bare is not None and self._tools and text.startswith(("{", "[")):
            self._open(Region("", Marks({}), self.family.bare, Mode.TEXT, bare=True))
        return []

    def _scan(self, final: bool) -> list[Delta]:
        """Text up to the next mark."""
        at, mark, action = self._marks[self._mode].find(self._buffer, final=final)
        text, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        deltas = self._say(self._mode, text)
        if isinstance(action, Calls):
            # What is left open ends where another begins, or the reasoning that it is in ends.
            ends = {action.open: False} | ({action.close: True} if action.close else {})
            if self._mode is Mode.THINK:
                ends |= dict.fromkeys((row.close for row in self.family.reasoning), False)
            keep = action.close if action.keep else None
            self._open(Region(mark, Marks(ends), action.read, self._mode, keep))
        elif mark:
            self._boundary()
            self._opening = mark
            self._mode = Mode.THINK if isinstance(action, Reasoning) else action
        return deltas

    def _header(self, final: bool) -> list[Delta]:
        """What the next message is: thought, text, or the arguments of a call."""
        headers = self.family.headers
        assert headers is not None
        at = self._buffer.find(headers.end, 0, _MAX_HEADER)
        if at < 0:
            if len(self._buffer) >= _MAX_HEADER or final:
                self._mode = Mode.TEXT
                self._buffer, self._opening = self._opening + self._buffer, ""
                return self._no_header(final)
            return []
        header, self._buffer = self._buffer[:at], self._buffer[at + len(headers.end) :]
        name = recipient(headers, header)
        if name in headers.think or name in headers.text or not self._tools:
            self._mode = Mode.THINK if name in headers.think else Mode.TEXT
            self._boundary()
        else:
            ends = dict.fromkeys(headers.stops, True) | dict.fromkeys(headers.starts, False)
            read = headers.read or arguments_of(name)
            opening = self._opening + header + headers.end
            self._open(Region(opening, Marks(ends), read, Mode.TEXT))
        return []

    def _no_header(self, final: bool) -> list[Delta]:
        """The mark that began it is text; what follows may hold others."""
        size = max(1, len(self._opening))
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        return self._say(Mode.TEXT, text)

    def _open(self, region: Region) -> None:
        self._mode, self._region = Mode.REGION, region

    def _in_region(self, final: bool) -> list[Delta]:
        region, buffer = self._region, self._buffer
        assert region is not None
        at, mark, ours = region.ends.find(buffer, final=final, start=region.searched)
        if not mark and not final:
            region.searched = at
            return []
        try:
            calls = self._read(region, buffer[:at])
        except Unfinished as error:
            # An end inside a text of JSON; the true one may follow.
            if mark and region.n_ends < _MAX_ENDS:
                region.searched, region.n_ends = at + len(mark), region.n_ends + 1
                return self._in_region(final)
            return self._no_call(region, error)
        except ValueError as error:
            return self._no_call(region, error)
        self._buffer = buffer[at + len(mark) * bool(ours) :]
        self._mode = region.back
        self._boundary()
        return [self._called(call) for call in calls]

    def _read(self, region: Region, inner: str) -> list[ToolCall]:
        body = inner if region.keep is None else region.opening + inner + region.keep
        calls = region.read(body, self._tools)
        if not calls:
            raise ValueError("no call between the marks")
        if region.bare and any(call.name not in self._tools for call in calls):
            raise ValueError("no tool has this name")
        try:
            return [tool_call(call, self._make_id) for call in calls]
        except RecursionError:
            raise ValueError("arguments nested too deep") from None

    def _no_call(self, region: Region, error: ValueError) -> list[Delta]:
        """The mark that opened it is text after all; what follows is looked at anew."""
        self._mode = region.back
        deltas = self._say(region.back, region.opening)
        if not region.bare:
            self._malformed.append(str(error)[:_MAX_REASON])
            deltas.append(Delta(malformed=self._malformed[-1]))
        return deltas

    def _called(self, call: ToolCall) -> Delta:
        self._calls.append(call)
        return Delta(tool_call=call, index=len(self._calls) - 1)

    def _boundary(self) -> None:
        self._before, self._after = "".join(self._space), []
        self._space, self._skip_space = [], True

    def _say(self, mode: Mode, text: str) -> list[Delta]:
        """Give out text, less white space that may stand before a mark, or stood after one.

        Where the same part goes on behind a mark, what parted it from the mark parts it.
        """
        if self._skip_space:
            whole, text = text, text.lstrip()
            self._after.append(whole[: len(whole) - len(text)])
        if not text:
            return []
        if self._skip_space and self._parts[mode]:
            self._space = [self._before or "".join(self._after)]
        self._skip_space = False
        if text.isspace():
            self._space.append(text)
            return []
        kept = text.rstrip()
        told = "".join([*self._space, kept])
        self._space = [text[len(kept) :]]
        return self._add(mode, told)

    def _add(self, mode: Mode, text: str) -> list[Delta]:
        if not text:
            return []
        think = mode is Mode.THINK
        self._parts[Mode.THINK if think else Mode.TEXT].append(text)
        return [Delta(reasoning=text) if think else Delta(content=text)]


def parse_message(
    family: Family,
    text: str,
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    prompt: str = "",
    make_id: Callable[[], str] = new_call_id,
) -> Message:
    """The `Message` of a whole text; parameters as `MessageParser` takes them.

    Examples
    --------
    >>> from abi.chat import family_of
    >>> add = {"type": "function", "function": {"name": "add", "parameters": {}}}
    >>> text = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
    >>> parse_message(family_of("<tool_call>"), text, tools=[add]).tool_calls[0].name
    'add'
    """
    parser = MessageParser(family, tools=tools, prompt=prompt, make_id=make_id)
    parser.feed(text)
    parser.finish()
    return parser.message
