"""What a shell does to a command: closed and full streams, signals, pipes that end."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abi.cli import main
from abi.cli._errors import one_line
from abi.errors import InputError
from tests.synthetic import LlamaShape, write_llama

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "ABI_KERNELS": "numpy"}
ABI = f"{sys.executable} -m abi"


def bash(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=ENV, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("run -m nope 2>/dev/full", 2),
        ("run -m nope 2>&-", 2),
        ("run -n 3 -v 2>/dev/full", 0),
        ("--help >/dev/full", 2),
        ("--version >/dev/full", 2),
        ("run --help >/dev/full", 2),
        ("run -n 3 >/dev/full", 2),
        ("tokenize a >/dev/full", 2),
        ("--help >&-", 2),
    ],
)
def test_a_stream_that_is_full_or_closed(command: str, status: int) -> None:
    done = bash(f"{ABI} {command}")
    assert done.returncode == status
    assert done.stderr.count("\n") <= 1
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_an_error_that_nobody_reads_is_still_an_error() -> None:
    done = bash(f"{ABI} run -m nope 2>&1 | head -c 0; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_a_prompt_that_was_computed_is_kept_when_the_reader_leaves(tmp_path: Path) -> None:
    cache = tmp_path / "prompt"
    done = bash(f"{ABI} run -p 'Once upon a time' -n 300 --prompt-cache {cache} | head -c 3")
    assert (done.stdout, done.stderr) == ("Onc", "")
    assert cache.stat().st_size > 1000


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_quantisation_that_is_told_to_end_leaves_nothing(
    tmp_path: Path, number: int, ignored: bool
) -> None:
    """Unless it was started to ignore that, as `nohup` does: then it goes on."""
    source = tmp_path / "in.gguf"
    write_llama(source, LlamaShape(n_embd=1024, n_ff=2048, n_layer=2, n_head=8))
    command = [sys.executable, "-m", "abi", "quantize", str(source), str(tmp_path / "out.gguf")]
    before = signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)  # inherited
    try:
        running = subprocess.Popen([*command, "Q2_K"], env=ENV, stderr=subprocess.PIPE)
    finally:
        signal.signal(number, before)
    with running:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("out.gguf.*.part")):
            assert running.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == ((0, b"") if ignored else (143, b""))
    left = ["in.gguf", "out.gguf"] if ignored else ["in.gguf"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_ctrl_c_while_it_starts_is_130_without_a_traceback() -> None:
    """As early as Python itself allows, and later.

    `python -m` dies of the signal itself, which a shell calls 130 too, where it came while the
    text given to an `exec` ran (dataclasses are made that way): CPython remembers that it did.
    """
    for delay in (0.06, 0.1, 0.15, 0.25):
        pid, file = pty.fork()
        if not pid:
            endless = ["run", "--ignore-eos", "-c4000"]
            command = [sys.executable, "-X", "importtime", "-m", "abi", *endless]
            os.execve(sys.executable, command, ENV)
        shown = b""
        while b"abi.cli" not in shown:  # Python has started, and reads what is ours
            shown += os.read(file, 4096)
        time.sleep(delay - 0.06)
        os.write(file, b"\x03")
        try:
            while data := os.read(file, 65536):
                shown += data
        except OSError:  # the other side has closed
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(file)
        assert b"Traceback" not in shown
        assert status in (130, -signal.SIGINT)


def test_ctrl_c_is_not_lost_where_python_ignores_errors(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As in the callbacks by which imports give back their locks."""

    class Deaf:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def endless(*_: object, **__: object) -> None:
        Deaf()
        time.sleep(20)
        raise AssertionError("Ctrl-C was lost")

    monkeypatch.setattr("abi.generate.load", endless)
    hook = sys.unraisablehook
    assert main(["run"]) == 130
    assert "Traceback" not in capfd.readouterr().err
    assert sys.unraisablehook is hook


def test_memory_that_does_not_suffice_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def large(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("abi.generate.load", large)
    assert main(["run"]) == 2
    assert capsys.readouterr().err.startswith("abi run: error: out of memory; take a smaller")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("n_ctx=5: expected more"), "--ctx 5: expected more"),
        (
            InputError("split it, or pass truncate=True to cut it"),
            "split it, or pass --truncate to",
        ),
        (InputError("choose pooling='mean'"), "choose --pooling 'mean'"),
        (InputError("give one (template=), or"), "give one (--chat-template-file), or"),
        (InputError("layers=(3, 1): expected"), "--control-vector-layer-range (3, 1): expected"),
        (InputError("a\x1b[2J\n  b"), r"a\x1b[2J b"),
        (FileNotFoundError(2, "No such file or directory", ""), "'': No such file or directory; "),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied; you may not use"),
        (OSError(28, "No space left on device"), "No space left on device; make room"),
        (FileNotFoundError(2, "No such file", "/none/x"), "/none/x: No such file; its folder is"),
    ],
)
def test_errors_are_told_in_the_words_of_the_command_line(error: Exception, line: str) -> None:
    assert one_line(error).startswith(line)
