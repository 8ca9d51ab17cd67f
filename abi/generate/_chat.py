"""Chat templates: the model's own, rendered by Jinja2 in its sandbox.

No other template is ever put in its place: none, or one that fails, is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from abi.errors import FormatError, InputError, MissingExtraError

__all__ = ["render_chat"]


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    add_generation_prompt: bool = True,
    **variables: Any,
) -> str:
    """The prompt for a conversation.

    Parameters
    ----------
    template : str
        Jinja2 source, as in `tokenizer.chat_template`.
    messages : sequence of mapping
        With "role" and "content".
    add_generation_prompt : bool
        End with the opening of the assistant's turn.
    **variables
        Further names the template uses, such as bos_token and eos_token.

    Raises
    ------
    FormatError
        If the template is not valid Jinja2.
    InputError
        If the template refuses the messages, or fails on them.
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
    try:
        from jinja2 import TemplateSyntaxError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise MissingExtraError(
            "chat templates need jinja2, which is not installed: pip install jinja2 "
            "(in Pyodide: await micropip.install('jinja2'))"
        ) from None

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_refuse, strftime_now=_now)
    try:
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=add_generation_prompt, **variables
        )
    except TemplateSyntaxError as error:
        raise FormatError(
            f"line {error.lineno}: {error.message}", field="tokenizer.chat_template"
        ) from None
    except InputError:
        raise
    except Exception as error:  # a template is a program of the file: it may raise anything
        raise InputError(f"the chat template cannot render these messages: {error}") from None


def _refuse(message: str) -> None:
    raise InputError(f"the chat template refuses these messages: {message}")


def _now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
