"""The messages that let a language model answer from passages, within its context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from abi.errors import InputError
from abi.rag._passage import Passage

__all__ = ["messages_for"]

_SYSTEM = (
    "Answer the question from the numbered passages alone. After each statement cite the passage "
    "that it is from, as [1]. If the passages do not answer it, say that they do not."
)


def messages_for(
    question: str,
    passages: Sequence[Passage],
    count: Callable[[str], int],
    budget: int,
) -> tuple[list[dict[str, str]], list[Passage]]:
    """Messages with as many of the passages, best first, as there is room for.

    Parameters
    ----------
    question : str
    passages : sequence of Passage
        Best first.
    count : callable
        Tokens of a text.
    budget : int
        Tokens of all messages.

    Returns
    -------
    messages : list of dict
        With `role` and `content`.
    passages : list of Passage
        Those that are in it: passage [1] is the first.

    Raises
    ------
    InputError
        If not even the question has room.
    """
    asked = f"Question: {question}"
    left = budget - count(_SYSTEM) - count(asked) - 16
    if left < 0:
        raise InputError(f"the question takes more than the {budget} tokens that there is room for")
    chosen: list[Passage] = []
    parts: list[str] = []
    for passage in passages:
        part = f"[{len(chosen) + 1}] {_head(passage)}\n{passage.text}\n"
        size = count(part) + 1
        if size > left:
            continue
        left -= size
        chosen.append(passage)
        parts.append(part)
    content = "\n".join([*parts, asked])
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": content}], chosen


def _head(passage: Passage) -> str:
    return (
        " > ".join(dict.fromkeys(filter(None, (passage.title, *passage.headings)))) or passage.path
    )
