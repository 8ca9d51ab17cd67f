"""What a person types: lines that go on, and their history."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["Lines", "history_path"]

_FENCE = '"""'
_PROMPT, _MORE = ">>> ", "... "
_MAX_LINES = 1000  # of history


def history_path() -> Path:
    """Where what was typed is kept."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(home or Path.home() / ".local" / "state") / "abi" / "history"


class Lines:
    """Texts from a terminal, with readline's editing and history where Python has it."""

    def __init__(self, *, keep: bool, words: Iterable[str]) -> None:
        self._keep, self._words = keep, sorted(words)
        self._readline: Any = None
        self._interrupted = False

    def __enter__(self) -> Lines:
        with suppress(ImportError):
            import readline

            self._readline = readline
            readline.set_completer(self._complete)
            readline.set_completer_delims(" ")
            readline.parse_and_bind("tab: complete")
            if self._keep:
                with suppress(OSError):
                    readline.read_history_file(history_path())
        return self

    def __exit__(self, *_: object) -> None:
        if self._readline is not None and self._keep:
            with suppress(OSError):  # a conversation is worth more than its history
                path = history_path()
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600)
                self._readline.set_history_length(_MAX_LINES)
                self._readline.write_history_file(path)

    def read(self) -> str | None:
        """The next text; None at the end of input.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C is pressed twice in turn.
        """
        while True:
            try:
                text = self._text()
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                if self._interrupted:
                    raise
                self._interrupted = True
                print("\n(Ctrl-C again or Ctrl-D leaves)", file=sys.stderr)
                continue
            self._interrupted = False
            return text

    def _text(self) -> str:
        text = input(_PROMPT)
        if text.lstrip().startswith(_FENCE):
            return self._fenced(text.lstrip().removeprefix(_FENCE))
        lines = [text]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(input(_MORE))
        return "\n".join(lines)

    def _fenced(self, line: str) -> str:
        lines = [line]
        while not lines[-1].rstrip().endswith(_FENCE):
            lines.append(input(_MORE))
        lines[-1] = lines[-1].rstrip().removesuffix(_FENCE)
        return "\n".join(lines).strip("\n")

    def _complete(self, text: str, state: int) -> str | None:
        found = [word for word in self._words if text.startswith("/") and word.startswith(text)]
        return found[state] if state < len(found) else None
