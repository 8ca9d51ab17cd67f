"""Real processes: killed in the middle, and two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

from abi.hub import pull, resolve
from tests.hub.server import Fault, Hub

ROOT = Path(__file__).parents[2]
NAME = "ab/cd-GGUF:Q4_K_M"
CUT = 200_000


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "abi", "pull", NAME, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell starts background jobs with the interrupt ignored; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def wait_for_part(cache: Path, size: int) -> None:
    part = cache / "models" / "ab--cd-GGUF" / "@main" / "cd-Q4_K_M.gguf.part"
    end = monotonic() + 30
    while not part.exists() or part.stat().st_size < size:
        assert monotonic() < end, "no part"
        sleep(0.01)


def test_a_killed_pull_goes_on_with_the_missing_bytes_alone(
    hub: Hub, gguf: bytes, cache: Path
) -> None:
    hub.faults = [Fault(cut=CUT, hang=True)]
    with start() as process:
        wait_for_part(cache, CUT)
        process.kill()
        out, err = process.communicate()
    assert (process.returncode, out, err) == (-signal.SIGKILL, "", "")
    assert pull(NAME).read_bytes() == gguf
    assert [r.range for r in hub.content] == [None, f"bytes={CUT}-"]
    assert hub.content[1].sent == [len(gguf) - CUT]


def test_ctrl_c_says_how_to_go_on(hub: Hub, gguf: bytes, cache: Path) -> None:
    hub.faults = [Fault(cut=CUT, hang=True)]
    with start() as process:
        wait_for_part(cache, CUT)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "abi pull: stopped; the same command goes on from here\n\n"
    with start("--json") as process:
        out, err = process.communicate(timeout=30)
    assert err == f"abi pull: cd-Q4_K_M.gguf: going on after {CUT} bytes\n"
    assert json.loads(out) == {"name": NAME, "path": str(resolve(NAME)), "n_bytes": len(gguf)}
    assert hub.content[1].sent == [len(gguf) - CUT]


def test_two_processes_fetch_it_once(hub: Hub, gguf: bytes, cache: Path) -> None:
    with start() as first, start() as second:
        results = [process.communicate(timeout=60) for process in (first, second)]
    path = resolve(NAME)
    assert [out for out, _ in results] == [f"{path}\n"] * 2
    assert path.read_bytes() == gguf
    assert len(hub.content) == 1
    assert not list(cache.rglob("*.lock"))


def test_a_second_process_waits_for_the_first(hub: Hub, gguf: bytes, cache: Path) -> None:
    hub.faults = [Fault(cut=CUT, hang=True)]
    with start("--timeout", "1") as first:
        wait_for_part(cache, CUT)
        with start() as second:
            assert second.stderr is not None
            said = second.stderr.readline()
            results = [process.communicate(timeout=60) for process in (first, second)]
    assert said == "abi pull: cd-Q4_K_M.gguf: another process is pulling it; waiting\n"
    assert [out for out, _ in results] == [f"{resolve(NAME)}\n"] * 2
    assert resolve(NAME).read_bytes() == gguf
    assert [r.range for r in hub.content] == [None, f"bytes={CUT}-"]
