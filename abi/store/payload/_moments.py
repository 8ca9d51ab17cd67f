"""Moments: datetimes and dates, and texts that are such, as microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

__all__ = ["Moment", "instant"]

Moment = datetime | date

# Only this form: what else `fromisoformat` takes differs between Python's versions.
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):\d\d.*)?", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(value: str | Moment) -> int | None:
    """Microseconds since 1970 of a moment, or of text that is one; None of other text.

    Text is `YYYY-MM-DD`, or that with a time of RFC 3339 or ISO 8601 behind a T or a space. What
    names no zone is in UTC.

    Examples
    --------
    >>> instant("1970-01-01T00:00:01Z"), instant("1970-01-02"), instant("tomorrow")
    (1000000, 86400000000, None)
    """
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value.upper())  # RFC 3339 allows t and z
        except ValueError:
            return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    try:
        aware = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    except OverflowError:  # a zone that leads out of the years there are
        return None
