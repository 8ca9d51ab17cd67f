"""What benchmarks measured: kept as JSON, shown as tables, compared with an earlier run.

    python -m tests.bench.records FILE... [--write docs/benchmarks.md] [--compare BASELINE]
        [--save BASELINE]

With `--compare` it prints what got worse than the baseline by more than both runs' noise and
exits with 1 if anything did.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from abi.kernels import select

__all__ = ["Record", "compare", "load", "machine", "markdown", "measured", "save"]

_LEAST_NOISE = 0.10  # share of a figure that two quiet runs differ by
_OURS = "abi"


@dataclass(frozen=True)
class Record:
    """One figure of everyone.

    Parameters
    ----------
    group, name : str
        The table, and the row of it.
    unit : str
    values : mapping of str to float
        Medians by program; ours is "abi".
    noise : float
        The spread of our runs, as a share of the median.
    more : bool
        Whether more is better.
    beside : float, optional
        Ours by the best of the others, run by run: what a machine does that changes between runs,
        it does to both.
    """

    group: str
    name: str
    unit: str
    values: Mapping[str, float]
    noise: float
    more: bool = True
    beside: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by the best of the others, such that more is better; None if there is no other."""
        if self.beside is not None:
            return self.beside
        others = [value for name, value in self.values.items() if name != _OURS]
        if not others or _OURS not in self.values:
            return None
        own = self.values[_OURS]
        return own / max(others) if self.more else min(others) / own


def measured(
    group: str, name: str, unit: str, runs: Mapping[str, Sequence[float]], *, more: bool = True
) -> Record:
    """A record of the runs of each program."""
    values = {program: statistics.median(each) for program, each in runs.items()}
    own = runs.get(_OURS, [0.0])
    noise = (max(own) - min(own)) / values[_OURS] if values.get(_OURS) else 0.0
    return Record(group, name, unit, values, noise, more, _beside(values, runs, more))


def _beside(
    values: Mapping[str, float], runs: Mapping[str, Sequence[float]], more: bool
) -> float | None:
    """The median of our runs by the best other's, each by the one beside it."""
    others = sorted((value, name) for name, value in values.items() if name != _OURS)
    own = runs.get(_OURS, [])
    best = runs[others[-1 if more else 0][1]] if others else []
    if not own or len(own) != len(best):
        return None
    return statistics.median(a / b if more else b / a for a, b in zip(own, best, strict=True))


def machine() -> str:
    """The processor, how many of it, and what our kernels use of it."""
    cpus, info = os.cpu_count(), Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ", 1)[1] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {cpus} CPUs, {select().detail}"


def save(path: Path, records: Iterable[Record]) -> None:
    made = {"machine": machine(), "records": [asdict(record) for record in records]}
    path.write_text(json.dumps(made, indent=1) + "\n")


def load(paths: Iterable[Path]) -> list[Record]:
    return [Record(**each) for path in paths for each in json.loads(path.read_text())["records"]]


def markdown(records: Sequence[Record]) -> str:
    """A table for each group."""
    parts = []
    for group in dict.fromkeys(record.group for record in records):
        some = [record for record in records if record.group == group]
        programs = list(dict.fromkeys(name for record in some for name in record.values))
        lines = [f"## {group}", "", f"| | {' | '.join(programs)} | ratio |"]
        lines.append(f"|---|{'--:|' * (len(programs) + 1)}")
        for record in some:
            cells = [_number(record.values.get(name)) for name in programs]
            ratio = "" if record.ratio is None else f"{record.ratio:.2f}"
            lines.append(f"| {record.name}, {record.unit} | {' | '.join(cells)} | {ratio} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def compare(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """What of ours got worse by more than the noise, each in one line."""
    known = {(record.group, record.name): record for record in before}
    worse = []
    for record in after:
        old = known.get((record.group, record.name))
        if old is None or _OURS not in old.values or _OURS not in record.values:
            continue
        a, b = old.values[_OURS], record.values[_OURS]
        share = b / a if record.more else a / b
        if share < 1 - max(_LEAST_NOISE, old.noise + record.noise):
            worse.append(f"{record.group}, {record.name}: {a:.4g} to {b:.4g} {record.unit}")
    return worse


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--save", type=Path, help="all records in one file, to compare with")
    asked = parser.parse_args()
    records = load(asked.files)
    print(markdown(records))
    if asked.write:
        asked.write.write_text(_PAGE.format(machine()) + markdown(records))
    worse = compare(load([asked.compare]), records) if asked.compare else []
    if worse and (other := json.loads(asked.compare.read_text())["machine"]) != machine():
        print(f"the baseline is of another machine: {other}", file=sys.stderr)
    if asked.save:
        save(asked.save, records)
    print("\n".join(f"worse: {line}" for line in worse), file=sys.stderr)
    return int(bool(worse))


_PAGE = """# Benchmarks

Written by `nox -s bench` from what it measured: programs in turn in one run, medians, the same
threads; "ratio" is ours by the best of the others, run by run, its median; more is better. Machines
differ and are shared: look at the ratios, and run it on yours. This one: {}.

"""


if __name__ == "__main__":
    sys.exit(main())
