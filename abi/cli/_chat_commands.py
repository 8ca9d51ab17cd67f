"""The commands of a conversation: lines that begin with a slash."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from abi._files import replacing
from abi.cli._chat_session import Session
from abi.cli._common import printable
from abi.cli._sampling_options import add_sampling_arguments
from abi.errors import InputError

__all__ = ["COMMANDS", "Leave", "obey"]


class Leave(Exception):  # noqa: N818 - asked for, so no error of anyone
    """The person is done."""


def obey(line: str, session: Session) -> bool:
    """Do what a line says; whether an answer is to follow.

    Raises
    ------
    Leave
        If it says to leave.
    InputError
        If there is no such command, or it cannot be done.
    """
    name, _, rest = line.strip().partition(" ")
    if name not in COMMANDS:
        raise InputError(f"there is no command {name}; /help lists them, // begins a text with /")
    if rest.strip() and name not in _WITH_ARGUMENTS:
        raise InputError(f"{name} takes nothing, got {rest.strip()!r}; // begins a text with /")
    return bool(COMMANDS[name](rest.strip(), session))


def _help(rest: str, session: Session) -> None:
    """/help, /?: this list"""
    for text in dict.fromkeys(command.__doc__ for command in COMMANDS.values()):
        print(f"  {text}")
    print("  a line that ends in \\ goes on; so does text between triple quotes")
    print("  Ctrl-C stops an answer, Ctrl-D leaves")


def _clear(rest: str, session: Session) -> None:
    """/clear: forget what was said"""
    session.messages.clear()
    print("(nothing was said)")


def _system(rest: str, session: Session) -> None:
    """/system TEXT: what the model is told first; without a text, nothing"""
    session.system = rest or None


def _retry(rest: str, session: Session) -> bool:
    """/retry: answer the last question again"""
    session.retry()
    return True


def _undo(rest: str, session: Session) -> None:
    """/undo: take the last question and its answer back"""
    session.undo()
    print(f"({len(session.messages)} messages are left)")


def _save(rest: str, session: Session) -> None:
    """/save FILE: write the conversation as JSON"""
    if not rest:
        raise InputError("/save takes the name of a file")
    path = os.path.expanduser(rest)
    if os.path.lexists(path) and _saved(path) is None:
        raise InputError(f"{path}: there, and no conversation that /save wrote; name another file")
    said = {"system": session.system, "messages": session.messages}
    text = json.dumps(said, ensure_ascii=False, indent=1) + "\n"
    with replacing(path) as file:
        file.write(text.encode("utf-8", "replace"))
    print(f"({len(session.messages)} messages are in {path})")


def _load(rest: str, session: Session) -> None:
    """/load FILE: go on with a conversation that was saved"""
    if not rest:
        raise InputError("/load takes the name of a file")
    path = os.path.expanduser(rest)
    found = _saved(path)
    if found is None:
        raise InputError(f"{path}: not a conversation that /save wrote; name another file")
    session.system, session.messages = found
    print(f"({len(session.messages)} messages)")


def _saved(path: str) -> tuple[str | None, list[dict[str, Any]]] | None:
    """System message and messages that a file holds; None if it is no conversation.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    from abi.chat import check_messages

    try:
        said = json.loads(Path(path).read_bytes())
        system, messages = said["system"], said["messages"]
        found = check_messages(messages) if messages else []
    except (ValueError, KeyError, TypeError, RecursionError):  # an InputError is a ValueError
        return None
    return (system if isinstance(system, str) else None), found


def _set(rest: str, session: Session) -> None:
    """/set NAME VALUE: an option such as temperature; without a value, its default again"""
    name, _, value = rest.partition(" ")
    kinds: dict[str, Callable[[str], Any]] = {
        "max_tokens": int, "stop": _stop, "think": _switch, **_sampling(),
    }  # fmt: skip
    if name not in kinds:
        raise InputError(f"/set takes {', '.join(kinds)}; got {name or 'nothing'}")
    where, key = session.options, name
    if name == "think":
        where, key = session.variables, "enable_thinking"
    if not value.strip():
        where.pop(key, None)
        return
    try:
        found = kinds[name](value.strip())
    except (ValueError, KeyError):
        raise InputError(f"/set {name}: cannot read {value.strip()!r}") from None
    _check(name, found)
    where[key] = found


def _check(name: str, value: Any) -> None:
    """Raise now for what would else fail with the next question."""
    from abi.sampling import SamplingParams

    if name in _sampling():
        SamplingParams(**{name: value})
    elif name == "max_tokens" and value < 0:
        raise InputError(f"/set max_tokens: expected a whole number, 0 or above, got {value}")


def _stop(text: str) -> list[str]:
    r"""A text, with `\n` for a line break."""
    return [text.replace("\\n", "\n")]


def _sampling() -> dict[str, Callable[[str], Any]]:
    """Names of options that are one number."""
    parser = argparse.ArgumentParser(add_help=False)
    add_sampling_arguments(parser)
    return {a.dest: a.type for a in parser._actions if callable(a.type)}


def _switch(text: str) -> bool:
    return {"on": True, "true": True, "off": False, "false": False}[text.lower()]


def _show(rest: str, session: Session) -> None:
    """/show: the model, the options and how much was said"""
    model = session.model
    name = str(model.metadata.get("general.name", "unnamed"))
    kind = f"{model.config.arch.name}, {model.config.n_layer} layers"
    print(f"  model     {printable(name)[:60]}: {kind}")
    print(f"  context   {model.n_ctx} tokens")
    print(f"  system    {session.system or 'none'}")
    options = {**session.options, **session.variables}
    given = [f"{name}={value}" for name, value in options.items() if value not in (None, [])]
    print(f"  options   {', '.join(given) or 'defaults'}")
    print(f"  messages  {len(session.messages)}")


def _bye(rest: str, session: Session) -> None:
    """/bye, /exit, /quit: leave"""
    raise Leave


_WITH_ARGUMENTS = ("/system", "/save", "/load", "/set")
COMMANDS: dict[str, Callable[[str, Session], bool | None]] = {
    "/help": _help,
    "/?": _help,
    "/clear": _clear,
    "/system": _system,
    "/retry": _retry,
    "/undo": _undo,
    "/save": _save,
    "/load": _load,
    "/set": _set,
    "/show": _show,
    "/bye": _bye,
    "/exit": _bye,
    "/quit": _bye,
}
