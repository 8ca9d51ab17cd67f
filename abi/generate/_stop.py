"""Stop strings in a stream: text that might begin one is held back until it is known."""

from __future__ import annotations

from collections.abc import Sequence

from abi.errors import InputError

__all__ = ["StopFilter", "as_stops"]


def as_stops(stop: str | Sequence[str]) -> Sequence[str]:
    """Stop strings out of what a caller may give.

    Raises
    ------
    InputError
        If it is no text and no list of texts, or one is empty.
    """
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, Sequence) or not all(isinstance(s, str) for s in stops):
        raise InputError(f"stop={stop!r}: expected a text or a list of texts")
    if "" in stops:
        raise InputError(f"stop={stop!r}: an empty text would end nothing; leave it out")
    return stops


class StopFilter:
    """Passes text on until one of the stop strings appears.

    Attributes
    ----------
    stopped : str or None
        The stop string that was found; it and what follows are not passed on.

    Examples
    --------
    >>> stop = StopFilter(["END"])
    >>> [stop.feed(piece) for piece in ("one E", "ND two")], stop.stopped
    (['one ', ''], 'END')
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = list(stops)
        self._held = ""
        self.stopped: str | None = None

    def feed(self, text: str) -> str:
        """Text that can be shown now that `text` came."""
        if self.stopped is not None:
            return ""
        self._held += text
        found = [(self._held.find(s), s) for s in self._stops if s in self._held]
        if found:
            at, self.stopped = min(found)
            shown, self._held = self._held[:at], ""
            return shown
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def flush(self) -> str:
        """What was held back and begins no stop string after all."""
        shown, self._held = self._held, ""
        return shown


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:n]):
            return n
    return 0
