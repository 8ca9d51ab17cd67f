"""What benchmarks keep: what got worse is told from noise."""

from __future__ import annotations

from pathlib import Path

from tests.bench.records import Record, compare, load, markdown, measured, save


def test_a_record_is_medians_and_the_spread_of_ours() -> None:
    found = measured("search", "1 thread", "1/s", {"abi": [90, 100, 120], "peer": [50, 60, 40]})
    assert found.values == {"abi": 100, "peer": 50}
    assert found.noise == 0.3


def test_the_ratio_is_of_runs_side_by_side() -> None:
    """A machine that is slow for a while is slow for both."""
    runs = {"abi": [100.0, 50.0, 100.0], "peer": [80.0, 40.0, 40.0], "b": [1.0, 2.0, 3.0]}
    assert measured("g", "n", "1/s", runs).ratio == 1.25
    assert measured("g", "n", "1/s", {**runs, "peer": [80.0, 40.0]}).ratio == 100 / 60


def test_where_less_is_better_the_ratio_is_turned() -> None:
    found = measured(
        "search", "built", "s", {"abi": [5.0], "peer": [20.0], "b": [10.0]}, more=False
    )
    assert found.ratio == 2
    assert measured("search", "built", "s", {"abi": [5.0]}).ratio is None


def test_what_got_worse_by_more_than_the_noise() -> None:
    def one(name: str, value: float, noise: float = 0.0, *, more: bool = True) -> Record:
        return Record("g", name, "u", {"abi": value}, noise, more)

    before = [one("a", 100), one("b", 100, 0.2), one("c", 10, more=False), one("gone", 1)]
    assert compare(before, [one("a", 91), one("b", 75, 0.1), one("new", 1)]) == []
    assert compare(before, [one("a", 89)]) == ["g, a: 100 to 89 u"]
    assert compare(before, [one("b", 69, 0.1)]) == ["g, b: 100 to 69 u"]
    assert compare(before, [one("c", 12, more=False)]) == ["g, c: 10 to 12 u"]
    assert compare(before, [one("c", 8, more=False)]) == []


def test_they_are_read_as_they_were_saved_and_shown(tmp_path: Path) -> None:
    records = [
        measured("graphs", "built", "s", {"abi": [2.0], "peer": [3.0]}, more=False),
        measured("graphs", "found", "1/s", {"abi": [12345.0]}),
    ]
    save(tmp_path / "a.json", records)
    assert load([tmp_path / "a.json"]) == records
    assert markdown(records).splitlines() == [
        "## graphs",
        "",
        "| | abi | peer | ratio |",
        "|---|--:|--:|--:|",
        "| built, s | 2 | 3 | 1.50 |",
        "| found, 1/s | 12,345 |  |  |",
    ]
