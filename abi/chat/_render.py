"""Rendering: a template, messages and variables to a prompt, or one error that says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abi.chat._values import Plain
from abi.errors import FormatError, InputError, MissingExtraError

__all__ = ["MAX_TEMPLATE", "render_chat", "template_names"]

MAX_TEMPLATE = 64 << 10  # characters; the longest that llama.cpp keeps has 16,738
_FIELD = "tokenizer.chat_template"
_MAX_REASON = 300
_REASONING = ("reasoning_content", "thinking", "reasoning")


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    add_generation_prompt: bool = True,
    tools: Sequence[Mapping[str, Any]] | None = None,
    documents: Sequence[Mapping[str, Any]] | None = None,
    **variables: Any,
) -> str:
    """The prompt for a conversation, as transformers' `apply_chat_template` renders it.

    Parameters
    ----------
    template : str
        Jinja2 source, as in `tokenizer.chat_template`.
    messages : sequence of mapping
        With "role" and "content"; given to the template as they are, as copies.
    add_generation_prompt : bool
        End with the opening of the assistant's turn.
    tools, documents : sequence of mapping, optional
        Given to the template as they are; None where there are none.
    **variables
        Further names the template uses, such as bos_token, eos_token and enable_thinking.

    Raises
    ------
    FormatError
        If the template is not valid Jinja2, or too large.
    InputError
        If the template refuses the messages, fails on them, or takes more time, text or memory
        than a chat template may.
    MissingExtraError
        If Jinja2 is not installed.

    Examples
    --------
    >>> render_chat(
    ...     "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}",
    ...     [{"role": "user", "content": "Hi"}],
    ... )
    '<user>Hi'
    """
    kind: type = type(messages)
    if not issubclass(kind, Sequence) or issubclass(kind, str):
        raise InputError(f"messages: expected a list, got {kind.__name__}")
    plain = Plain()
    given = plain.copy(
        {
            "messages": [_aliased(m) for m in messages],
            "tools": tools,
            "documents": documents,
            "add_generation_prompt": add_generation_prompt,
            **variables,
        }
    )
    return _rendered(template, given, plain)


def _rendered(template: str, given: dict[str, Any], plain: Plain) -> str:
    try:
        from abi.chat._budget import CURRENT, Budget, Exhausted
        from abi.chat._sandbox import Refused
    except ImportError:
        raise _no_jinja() from None
    source = _compiled(template)
    budget = Budget(plain.n_values, plain.n_chars, len(given["messages"]))
    token = CURRENT.set(budget)
    try:
        return str(source.render(given))
    except Refused as error:
        raise InputError(f"the chat template refuses these messages: {_short(error)}") from None
    except Exhausted as error:
        raise InputError(f"the chat template is stopped: {error}") from None
    except Exception as error:  # a template is a program of the file: it may raise anything
        message = f"the chat template cannot render these messages: {_short(error)}"
        raise InputError(message) from None
    finally:
        CURRENT.reset(token)


def _compiled(template: str) -> Any:
    from jinja2 import TemplateSyntaxError

    from abi.chat._sandbox import compiled

    if len(template) > MAX_TEMPLATE:
        message = f"{len(template)} characters; a template has at most {MAX_TEMPLATE}"
        raise FormatError(message, field=_FIELD)
    try:
        return compiled(template)
    except TemplateSyntaxError as error:
        message = f"line {error.lineno}: {_short(error.message)}"
        raise FormatError(message, field=_FIELD) from None
    except Exception as error:  # Python's own limits on nesting and numbers
        raise FormatError(f"it cannot be compiled: {_short(error)}", field=_FIELD) from None


def template_names(template: str) -> frozenset[str]:
    """Names that a template reads and does not make itself.

    Parameters
    ----------
    template : str

    Raises
    ------
    FormatError
        If the template is not valid Jinja2, or too large.

    Examples
    --------
    >>> sorted(template_names("{% for m in messages %}{{ m.role }}{{ eos_token }}{% endfor %}"))
    ['eos_token', 'messages']
    """
    try:
        from abi.chat._sandbox import undeclared
    except ImportError:
        raise _no_jinja() from None
    _compiled(template)
    return undeclared(template)


def _aliased(message: Any) -> Any:
    """The reasoning of a message under both names that templates read it by."""
    if not isinstance(message, Mapping):
        return message
    found = next((message[k] for k in _REASONING if message.get(k) is not None), None)
    if found is None:
        return message
    return {"thinking": found, **message, "reasoning_content": found}


def _no_jinja() -> MissingExtraError:
    return MissingExtraError(
        "chat templates need jinja2, which is not installed: pip install jinja2 "
        "(in Pyodide: await micropip.install('jinja2'))"
    )


def _short(error: object) -> str:
    text = str(error)
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}..."
