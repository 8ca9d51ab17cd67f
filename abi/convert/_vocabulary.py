"""What WordPiece and BPE have in common: tokens by id with their types, and special ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from abi.convert._json import entry, read_object
from abi.errors import FormatError

__all__ = ["added_tokens", "listed", "optional", "text_of"]

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
_MOST_TOKENS = 1 << 22


def optional(path: Path) -> dict[str, Any]:
    """The object in a file that need not be there."""
    return read_object(path) if path.exists() else {}


def text_of(token: Any) -> str | None:
    """The text of a special token, which may stand in an object."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def added_tokens(fast: Mapping[str, Any], source: str) -> dict[str, tuple[Any, bool]]:
    """Ids of added tokens by text, and whether they are special."""
    found: dict[str, tuple[Any, bool]] = {}
    for token in entry(fast, "added_tokens", list, source, []):
        text = text_of(token)
        if not isinstance(token, dict) or text is None:
            message = "expected objects with a content"
            raise FormatError(message, field="added_tokens", source=source)
        found[text] = token.get("id"), token.get("special") is True
    return found


def listed(
    ids: Mapping[str, Any],
    added: Mapping[str, bool],
    config: Mapping[str, Any],
    source: str,
    stored: Callable[[str], str],
) -> tuple[list[str], list[int]]:
    """Texts and types by id; ids that no token has are filled.

    Parameters
    ----------
    ids : mapping
    added : mapping
        Which of them are no part of the vocabulary proper, and whether they are special.
    config : mapping
        Its `vocab_size` is the number of tokens.
    source : str
    stored : function
        How GGUF has the text of a token that is not special.
    """
    n = entry(config, "vocab_size", int, "config.json", len(ids))
    if not 0 < n <= _MOST_TOKENS:
        message = f"expected 1 to {_MOST_TOKENS}, got {n}"
        raise FormatError(message, field="vocab_size", source=source)
    tokens, types = [f"[PAD{i}]" for i in range(n)], [_UNUSED] * n
    for text, i in ids.items():
        if type(i) is not int or not 0 <= i < n or types[i] != _UNUSED:
            message = f"token {text!r:.80} has the id {i!r:.40}, expected its own below {n}"
            raise FormatError(message, field="vocab", source=source)
        types[i] = _NORMAL if text not in added else _CONTROL if added[text] else _USER_DEFINED
        tokens[i] = text if types[i] == _CONTROL else stored(text)
    return tokens, types
