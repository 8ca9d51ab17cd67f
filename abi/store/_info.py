"""What a database holds, in numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from abi.store._manifest import SegmentEntry
from abi.store._state import CollectionState, LiveSegment
from abi.store.files import Files

__all__ = ["collection_info", "sizes"]


def sizes(files: Files) -> dict[str, int]:
    """Bytes of every file."""
    found = {}
    for name in files.list():
        reader = files.open(name)
        found[name] = len(reader.view())
        reader.close()
    return found


def collection_info(state: CollectionState, n_bytes: dict[str, int]) -> dict[str, Any]:
    """Points, settings, segments and bytes of a collection."""
    views = state.views()
    entries: list[SegmentEntry] = [live.entry for live in state.segments] + state.history
    return {
        "points": sum(len(view.living()) for view in views),
        "vectors": {name: asdict(v) for name, v in state.entry.config.vectors.items()},
        "segments": len(state.segments),
        "indexes": [info for live in state.segments for info in _indexes(live)],
        "n_bytes": sum(n_bytes.get(name, 0) for entry in entries for name in entry.files()),
    }


def _indexes(live: LiveSegment) -> list[dict[str, Any]]:
    """The indexes of a segment that were searched since it was opened."""
    found = []
    for name, opened in live.segment.opened():
        judgement = opened.asked.judgement
        found.append(
            {
                "segment": live.segment.name,
                "vector": name,
                "rows": live.segment.count(name),
                **asdict(opened.choice),
                **opened.widths,
                "recall": judgement and judgement.recall,
                "judged_by": judgement.queries if judgement else 0,
            }
        )
    return found
