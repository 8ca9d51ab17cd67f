"""What a person types: lines that go on, and their history."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from abi.cli._errors import quietly, say

__all__ = ["Lines", "history_path"]

_FENCE = '"""'
_PROMPT, _MORE = ">>> ", "... "
_MAX_LINES = 1000  # of history


def history_path() -> Path:
    """Where what was typed is kept."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(home or Path.home() / ".local" / "state") / "abi" / "history"


def _n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


class Lines:
    """Texts from a terminal, with readline's editing and history where Python has it."""

    def __init__(self, *, keep: bool, words: Iterable[str]) -> None:
        self._keep, self._words = keep, sorted(words)
        self._readline: Any = None
        self._interrupted = False
        self._known = 0  # lines of history that the file holds

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
            self._known = readline.get_current_history_length()
        return self

    def __exit__(self, *_: object) -> None:
        """Every text is in the file already; a file that grew too long is cut."""
        readline = self._readline
        if readline is not None and self._keep and readline.get_current_history_length() > 0:
            with suppress(OSError):  # a conversation is worth more than its history
                if _n_lines(history_path()) > 2 * _MAX_LINES:
                    readline.set_history_length(_MAX_LINES)
                    readline.write_history_file(history_path())

    def _remember(self) -> None:
        """Add what was typed last to the file, where another chat may add too."""
        if self._readline is None or not self._keep:
            return
        with suppress(OSError, AttributeError):
            path = history_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            length = self._readline.get_current_history_length()
            if length > self._known:
                self._readline.append_history_file(length - self._known, path)
                self._known = length

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
                say("")
                return None
            except KeyboardInterrupt:
                if self._interrupted:
                    raise
                self._interrupted = True
                say("\n(Ctrl-C again or Ctrl-D leaves)")
                continue
            self._interrupted = False
            self._remember()
            return text

    def _text(self) -> str:
        text = self._line(_PROMPT)
        if text.lstrip().startswith(_FENCE):
            return self._fenced(text.lstrip().removeprefix(_FENCE))
        lines = [text]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self._line(_MORE))
        return "\n".join(lines)

    def _fenced(self, line: str) -> str:
        """Text to the closing fence; the end of input closes it too, once."""
        lines = [line]
        while not lines[-1].rstrip().endswith(_FENCE):
            try:
                lines.append(self._line(_MORE))
            except EOFError:
                say("")
                lines.append(_FENCE)
        lines[-1] = lines[-1].rstrip().removesuffix(_FENCE)
        return "\n".join(lines).strip("\n")

    def _line(self, prompt: str) -> str:
        """A line; where answers go elsewhere, the prompt is not put among them."""
        if sys.stdout.isatty():
            return input(prompt)
        with quietly():
            print(prompt, end="", file=sys.stderr, flush=True)
        return input()

    def _complete(self, text: str, state: int) -> str | None:
        found = [word for word in self._words if text.startswith("/") and word.startswith(text)]
        return found[state] if state < len(found) else None
