"""A point in the history of a database: a sequence number or a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from abi.errors import InputError

__all__ = ["Moment", "show_time"]

U64 = npt.NDArray[np.uint64]

_CURE = 'give a time such as "2026-11-23T10:00:00Z", a datetime, or a sequence number'


@dataclass(frozen=True)
class Moment:
    """Everything committed up to and with a sequence number, or a time.

    Exactly one of both is given; times are in microseconds since 1970.
    """

    sequence: int | None = None
    time: int | None = None

    @classmethod
    def of(cls, value: object) -> Moment:
        """From what a caller gives: int, ISO 8601 text (without a zone: UTC) or datetime.

        Raises
        ------
        InputError
            If it is none of these.
        """
        if type(value) is int and value >= 0:
            return cls(sequence=value)
        if isinstance(value, str):
            if value.isascii() and value.isdigit():
                return cls(sequence=int(value))
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise InputError(f"{value!r} is no moment; {_CURE}") from None
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return cls(time=round(aware.timestamp() * 1e6))
        if isinstance(value, date):
            raise InputError(f"{value} is a day; {_CURE}")
        raise InputError(f"{value!r} is no moment; {_CURE}")

    def covers(self, sequence: int, time: int) -> bool:
        """Whether a commit had happened by then."""
        if self.sequence is not None:
            return sequence <= self.sequence
        assert self.time is not None
        return time <= self.time

    def covers_all(self, sequences: U64, times: U64) -> npt.NDArray[np.bool_]:
        """The same for many commits."""
        if self.sequence is not None:
            return sequences <= np.uint64(min(self.sequence, (1 << 64) - 1))
        assert self.time is not None
        return times <= np.uint64(max(0, self.time))

    def __str__(self) -> str:
        return f"sequence {self.sequence}" if self.time is None else show_time(self.time)


def show_time(microseconds: int) -> str:
    """A time as ISO 8601, UTC."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat().replace("+00:00", "Z")
