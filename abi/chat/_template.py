"""A model's chat template as a caller needs it: chosen, checked against, and never silent.

Templates differ in what shape of message they take. What one takes is tried out with a short
conversation, once for each template, as llama.cpp does; messages are then put into that shape. What
a template would drop without a word (tools, documents, options) is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from abi.chat._families import family_of
from abi.chat._family import Family
from abi.chat._messages import Shape, check_messages, shape_of, shaped
from abi.chat._render import render_chat, template_names
from abi.errors import InputError

__all__ = ["ChatTemplate"]

_KEY = "tokenizer.chat_template"
_PREFIX = f"{_KEY}."
_TOOLS = ("tools", "xml_tools")
_TOLD = {"system", "developer"}
_NEEDLE = "needle7q"
_RESERVED = ("messages", "tools", "documents", "functions", "self", "add_generation_prompt")


class ChatTemplate:
    """A template and what it can do.

    Parameters
    ----------
    source : str
        Jinja2.
    tokens : mapping
        Texts of special tokens: "bos_token", "eos_token" and others.

    Attributes
    ----------
    source : str
    family : Family
        How the model writes reasoning and calls.
    names : frozenset of str
        What the template reads: "tools", "enable_thinking" and so on.

    Examples
    --------
    >>> template = ChatTemplate("{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}")
    >>> template.render([{"role": "user", "content": "Hi"}])
    '[user] Hi'
    """

    def __init__(self, source: str, tokens: Mapping[str, str] | None = None) -> None:
        self.source, self._tokens = source, dict(tokens or {})
        self.family: Family = family_of(source)

    @classmethod
    def from_metadata(
        cls,
        metadata: Mapping[str, Any],
        *,
        name: str | None = None,
        tools: bool = False,
        tokens: Mapping[str, str] | None = None,
    ) -> ChatTemplate:
        """The template that a GGUF file holds.

        Parameters
        ----------
        metadata : mapping
        name : str, optional
            Of a named template, `tokenizer.chat_template.<name>`; None takes the file's own
            choice: "tool_use" where there are tools and such a template, else the unnamed one.
        tools : bool
        tokens : mapping, optional

        Raises
        ------
        InputError
            If there is none, or none of that name.
        """
        named = {
            key.removeprefix(_PREFIX): value
            for key, value in metadata.items()
            if key.startswith(_PREFIX) and isinstance(value, str)
        }
        if isinstance(metadata.get(_KEY), str):
            named.setdefault("default", metadata[_KEY])
        wanted = name or ("tool_use" if tools and "tool_use" in named else "default")
        if wanted in named:
            return cls(named[wanted], tokens)
        if name is not None or named:
            raise InputError(
                f"the model has no chat template {wanted!r}; it has {', '.join(named) or 'none'}"
            )
        raise InputError(
            f"the model has no chat template ({_KEY}); give one (template=), or use generate() "
            "(abi run) with a prompt of your own"
        )

    @cached_property
    def names(self) -> frozenset[str]:
        return template_names(self.source)

    @cached_property
    def _shape(self) -> Shape:
        return shape_of(self.source, self._tokens)

    def render(
        self,
        messages: Sequence[Any],
        *,
        tools: Iterable[Mapping[str, Any]] | None = None,
        documents: Iterable[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt for a conversation.

        Parameters
        ----------
        messages : sequence of mapping or Message
            As OpenAI's interface has them: "role", "content" (text or parts of type "text"),
            "tool_calls", "tool_call_id", "reasoning_content".
        tools : sequence of mapping, optional
            As OpenAI's interface has them.
        documents : sequence of mapping, optional
            With "title" and "text", for the templates that take them.
        add_generation_prompt : bool
        variables : mapping, optional
            What else the template reads, such as enable_thinking.

        Raises
        ------
        InputError
            If the messages are malformed, the template refuses them, or it would leave out
            system messages, the tools, the documents or a variable.
        """
        messages = check_messages(messages)
        tools, documents = (None if v is None else _as_list(v) for v in (tools, documents))
        _check_reserved(variables or {})
        given = {**(variables or {}), **_given(self.names, tools, documents)}
        self._check_names(given)
        own = _firefunction(tools) if "functions" in self.names else {}
        names = {**self._tokens, **own, **given, "add_generation_prompt": add_generation_prompt}
        in_shape = shaped(messages, self._shape)
        try:
            prompt = render_chat(self.source, in_shape, **names)
        except InputError:
            filled = {key: list(map(_filled, names[key])) for key in _TOOLS if key in names}
            if all(names[key] == tools for key, tools in filled.items()):
                raise
            prompt = render_chat(self.source, in_shape, **names | filled)
        _check_shown(prompt, messages, tools or ())
        self._check_system(messages, names)
        return prompt

    def _check_system(self, messages: Sequence[Any], names: Mapping[str, Any]) -> None:
        """A template that says nothing of a system message would drop it without a word."""
        for role in {message["role"] for message in messages} & _TOLD:
            told = {"role": role, "content": _NEEDLE}
            probe = shaped([told, {"role": "user", "content": "x"}], self._shape)
            try:
                shown = _NEEDLE in render_chat(self.source, probe, **names)
            except InputError:
                continue  # it looks at others too
            if not shown:
                raise InputError(
                    f"the chat template leaves out {role} messages; leave them out yourself, or "
                    "give another template"
                )

    def _check_names(self, given: Mapping[str, Any]) -> None:
        """Each of them is read by the template."""
        for name in given:
            reads = self.names | ({"tools"} if "functions" in self.names else set())
            if name not in reads:
                others = ", ".join(sorted(self.names - self._tokens.keys() - {"messages"}))
                raise InputError(f"the chat template takes no {name}; it reads {others or 'none'}")


def _as_list(values: Any) -> Any:
    """An iterator could be looked at but once."""
    return list(values) if isinstance(values, Iterator) else values


def _filled(tool: Mapping[str, Any]) -> dict[str, Any]:
    """With what a tool may do without and some templates may not, as llama.cpp gives it."""
    blank = {"description": "", "parameters": {}}
    if isinstance(tool.get("function"), Mapping):
        return {**tool, "function": {**blank, **tool["function"]}}
    return {**blank, **tool}


def _check_reserved(variables: Mapping[str, Any]) -> None:
    for name in variables:
        if name in _RESERVED:
            raise InputError(
                f"template variable {name!r}: expected another name; messages, tools and documents "
                "are given by themselves"
            )


def _given(names: frozenset[str], tools: Any, documents: Any) -> dict[str, Any]:
    """Under the names that the template reads them by."""
    given = {}
    if tools:
        _check_list("tools", tools)
        given["xml_tools" if "xml_tools" in names - {"tools"} else "tools"] = list(tools)
    if documents:
        _check_list("documents", documents)
        given["documents"] = list(documents)
    return given


def _firefunction(tools: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """What FireFunction's template reads, and no other."""
    functions = [tool.get("function", tool) for tool in tools or ()]
    now = datetime.now().strftime("%b %d %Y %H:%M:%S")
    return {"functions": json.dumps(functions, indent=4), "datetime": now}


def _check_shown(prompt: str, messages: Sequence[Any], tools: Sequence[Any]) -> None:
    """The names of all tools, and of those that were called, are in the prompt."""
    called = [call["function"]["name"] for m in messages for call in m.get("tool_calls") or ()]
    for what, names in (("tool", map(_tool_name, tools)), ("call of", called)):
        for name in names:
            if name not in prompt:
                raise InputError(
                    f"the chat template leaves out the {what} {name!r} in this conversation; "
                    "leave it out yourself, or give another template"
                )


def _check_list(what: str, values: Any) -> None:
    if isinstance(values, str | Mapping) or not all(isinstance(v, Mapping) for v in values):
        raise InputError(f"{what}: expected a list of mappings, got {str(values)[:60]!r}")
    if what == "tools":
        for i, tool in enumerate(values):
            if not _tool_name(tool):
                raise InputError(
                    f"tools[{i}]: expected {{'type': 'function', 'function': {{'name': ...}}}}"
                )


def _tool_name(tool: Mapping[str, Any]) -> str:
    function = tool.get("function", tool)
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else ""
