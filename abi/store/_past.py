"""A database as it was before its last checkpoint: rows know when they came and when they went."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.store._commits import Collections
from abi.store._deaths import Deaths
from abi.store._manifest import Manifest
from abi.store._moment import Moment, show_time
from abi.store._part import View
from abi.store._segment import Segment
from abi.store._state import CollectionState, open_segment
from abi.store.files import Files

__all__ = ["go_back"]

U64 = npt.NDArray[np.uint64]


def go_back(
    files: Files, manifest: Manifest, collections: Collections, moment: Moment
) -> tuple[int, int]:
    """Turn collections, as a manifest has them, into what they were at an earlier moment.

    Returns
    -------
    sequence, time : int
        The last commit of that state.

    Raises
    ------
    InputError
        If it is before what can be recovered.
    OSError, FormatError
        If a file of the past cannot be read.
    """
    if not moment.covers(*manifest.horizon):
        sequence, when = manifest.horizon
        raise InputError(
            f"{files.name}: {moment} can no longer be recovered; the earliest is sequence "
            f"{sequence} ({show_time(when)}); a backup may have it"
        )
    last = manifest.horizon
    for number, state in list(collections.by_number.items()):
        entry = state.entry
        gone = entry.dropped is not None and moment.covers(*entry.dropped)
        events = (entry.created, entry.dropped)
        last = max([last, *(event for event in events if event and moment.covers(*event))])
        if gone or not moment.covers(*entry.created):
            del collections.by_number[number]
            continue
        state.entry = replace(entry, dropped=None)
        last = max(last, _fix(files, state, moment))
    return last


def _fix(files: Files, state: CollectionState, moment: Moment) -> tuple[int, int]:
    """Give a collection the views that it had; return its last commit."""
    views, last = [], (0, 0)
    past = [open_segment(files, entry, state.entry) for entry in state.history]
    for live in [*state.segments, *past]:
        alive, newest = _alive_then(live.segment, live.deaths, moment)
        last = max(last, newest)
        if alive.any():
            views.append(View(live.segment, len(live.segment), alive))
    state.fixed = tuple(views)
    return last


def _alive_then(
    segment: Segment, deaths: Deaths, moment: Moment
) -> tuple[npt.NDArray[np.bool_], tuple[int, int]]:
    sequences, times = segment.commits(np.arange(len(segment)))
    alive = moment.covers_all(sequences, times)
    rows, ended, when = deaths.log()
    dead = moment.covers_all(ended, when)
    seen = _last(sequences[alive], times[alive]), _last(ended[dead], when[dead])
    alive[rows[dead]] = False
    return alive, max(seen)


def _last(sequences: U64, times: U64) -> tuple[int, int]:
    return (int(sequences.max()), int(times.max())) if len(sequences) else (0, 0)
