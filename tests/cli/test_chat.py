"""`abi chat`: one answer from a pipe, and a conversation on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import abi
from abi.cli import main
from abi.cli._chat_commands import COMMANDS, Leave, obey
from abi.cli._chat_session import Session, Style
from abi.errors import AbiError, InputError
from tests.synthetic import LlamaShape, write_llama

ROOT = Path(__file__).parents[2]
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
    "{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}"
)
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a template, which writes the same letter for ever."""
    path = tmp_path_factory.mktemp("chat") / "chat.gguf"
    extra = {"tokenizer.chat_template": TEMPLATE}
    write_llama(path, LlamaShape(n_ctx=60_000, extra=extra))
    return path


@pytest.fixture
def model(path: Path) -> abi.Model:
    return abi.load(path, n_ctx=256, kernels="numpy")


@pytest.fixture
def session(model: abi.Model) -> Session:
    return Session(model, None, {}, None, {"temperature": 0, "max_tokens": 4, "stop": []})


def environment(state: Path) -> dict[str, str]:
    more = {"PYTHONPATH": str(ROOT), "ABI_KERNELS": "numpy", "XDG_STATE_HOME": str(state)}
    return {**os.environ, **more, "TERM": "dumb", "OPENBLAS_NUM_THREADS": "1"}


def call(*arguments: str, stdin: str = "", state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "abi", "chat", *arguments], input=stdin, capture_output=True,
        text=True, check=False, timeout=60, env=environment(state),
    )  # fmt: skip


def test_standard_input_is_one_prompt(path: Path, model: abi.Model, tmp_path: Path) -> None:
    done = call(str(path), "-c", "256", "-n", "8", "--temp", "0", stdin="Hi\nyou\n", state=tmp_path)
    messages = [{"role": "user", "content": "Hi\nyou"}]
    assert done.stdout == f"{model.chat(messages, max_tokens=8, temperature=0)}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_json_is_one_line(path: Path, model: abi.Model, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["chat", "-m", str(path), "-c", "256", "-p", "Hi", "-n", "8", "--temp", "0"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["message"] == {
        "role": "assistant",
        "content": model.chat(HI, max_tokens=8, temperature=0),
    }
    assert report["finish_reason"] == "length"
    assert report["tokens"] == 8


def test_the_system_text_and_template_arguments_reach_the_template(
    path: Path, model: abi.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["chat", str(path), "-c", "256", "-p", "Hi", "-n", "1", "--system", "Be kind."]
    assert main([*arguments, "--template-arg", "enable_thinking=false", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    prompt = "<system>Be kind.<user>Hi<assistant>False"
    ids = model.tokenizer.encode(prompt, parse_special=True)
    assert report["prompt_tokens"] == len(ids)


def test_a_template_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "template.jinja"
    file.write_text("{{ messages[-1].content }}")
    arguments = ["chat", "-p", "Once upon a time", "-n", "8", "--temp", "0"]
    assert main([*arguments, "--chat-template-file", str(file)]) == 0
    expected = abi.load().generate("Once upon a time", max_tokens=8, temperature=0).read()
    assert capsys.readouterr().out.strip() == expected.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "Hi"], r"no chat template \(tokenizer.chat_template\); .*--chat-template-file"),
        (["-p", "Hi", "--chat-template-file", "/none"], "/none: No such file"),
        (["-p", "Hi", "--template-arg", "a"], "--template-arg a: expected NAME=JSON"),
        (["-p", " "], "no chat template|the prompt is empty"),
        (["x", "-m", "y"], "the model is given twice"),
        (["-p", "Hi", "/none"], "/none: No such file"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(rf"^abi chat: error: .*({message})", error)


def test_a_prompt_that_does_not_fit_is_one_line(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", str(path), "-c", "8", "-p", "Hi there"]) == 2
    assert re.search(r"the context has 8; shorten it, or load with", capsys.readouterr().err)


def test_a_full_context_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", str(path), "-c", "32", "-p", "Hi"]) == 0
    assert "the context of 32 tokens is full; /clear or /undo, or start with --ctx 64" in (
        capsys.readouterr().err
    )


# -- commands ------------------------------------------------------------------------------------


def said(session: Session) -> list[str]:
    return [message["role"] for message in session.messages]


def talk(session: Session, text: str) -> str:
    session.ask(text)
    return session.answer(None, keeps=True).message.content


def test_a_conversation_grows_and_is_taken_back(session: Session) -> None:
    first = talk(session, "Hi")
    talk(session, "More")
    assert said(session) == ["user", "assistant"] * 2
    assert not obey("/undo", session)
    assert session.messages == [*HI, {"role": "assistant", "content": first}]
    assert obey("/retry", session)
    assert session.messages == HI
    assert session.answer(None, keeps=True).message.content == first
    obey("/clear", session)
    assert session.messages == []


@pytest.mark.parametrize("command", ["/undo", "/retry"])
def test_nothing_can_be_taken_back_before_it_was_said(command: str, session: Session) -> None:
    with pytest.raises(InputError, match="nothing was said yet"):
        obey(command, session)


def test_what_was_saved_is_loaded(session: Session, tmp_path: Path) -> None:
    talk(session, "Hi ü")
    obey("/system Be kind.", session)
    before = list(session.messages)
    obey(f"/save {tmp_path / 'talk.json'}", session)
    obey("/clear", session)
    obey("/system", session)
    obey(f"/load {tmp_path / 'talk.json'}", session)
    assert (session.messages, session.system) == (before, "Be kind.")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"messages": 3}', '{"messages": [3]}', "[" * 9999]
)
def test_what_was_not_saved_is_refused(text: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(InputError):
        obey(f"/load {tmp_path / 'x'}", session)


def test_options_are_set_and_reset(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    obey("/set temperature 0.5", session)
    obey("/set max_tokens 2", session)
    obey("/set think off", session)
    assert session.options["temperature"] == 0.5
    assert session.variables == {"enable_thinking": False}
    obey("/show", session)
    assert "temperature=0.5, max_tokens=2, enable_thinking=False" in capsys.readouterr().out
    obey("/set temperature", session)
    obey("/set think", session)
    assert "temperature" not in session.options
    assert session.variables == {}


@pytest.mark.parametrize(
    "line",
    ["/no", "/set", "/set x 1", "/set top_k x", "/set think perhaps", "/save", "/load", "/"],
)
def test_a_command_that_cannot_be_done_says_so(line: str, session: Session) -> None:
    with pytest.raises(InputError):
        obey(line, session)


def test_every_command_is_in_the_help(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    obey("/help", session)
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in shown] == []
    for line in ("/bye", "/exit", "/quit"):
        with pytest.raises(Leave):
            obey(line, session)


def test_a_question_that_cannot_be_answered_is_forgotten(session: Session) -> None:
    session.ask("word " * 500)
    with pytest.raises(AbiError):
        session.answer(None, keeps=True)
    assert session.messages == []


def test_a_file_that_is_no_conversation_is_kept(session: Session, tmp_path: Path) -> None:
    talk(session, "Hi")
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF precious")
    with pytest.raises(InputError, match="there, and no conversation that /save wrote; name anoth"):
        obey(f"/save {path}", session)
    assert path.read_bytes() == b"GGUF precious"
    obey(f"/save {tmp_path / 'talk'}", session)
    session.messages[0]["content"] = "H\udcff"  # pasted from somewhere
    obey(f"/save {tmp_path / 'talk'}", session)
    assert json.loads((tmp_path / "talk").read_text())["messages"][0]["content"] == "H?"


def test_a_folder_may_be_ones_home(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    obey("/save ~/talk.json", session)
    obey("/load ~/talk.json", session)
    assert (tmp_path / "talk.json").exists()


@pytest.mark.parametrize(
    "line",
    ["/set temperature -5", "/set max_tokens -3", "/set top_p 2", "/undo 3", "/clear x", "/bye x"],
)
def test_what_would_fail_later_is_refused_now(line: str, session: Session) -> None:
    before = dict(session.options)
    with pytest.raises(InputError):
        obey(line, session)
    assert session.options == before


def test_a_stop_text_can_be_set(session: Session) -> None:
    obey(r"/set stop END\n", session)
    assert session.options["stop"] == ["END\n"]
    obey("/set stop", session)
    assert "stop" not in session.options


def test_answers_are_held_to_a_grammar_each(
    path: Path, capsys: pytest.CaptureFixture[str], model: abi.Model
) -> None:
    arguments = ["chat", str(path), "-c", "256", "-p", "Hi", "--grammar", 'root ::= "yes"']
    assert main(arguments) == 0
    assert capsys.readouterr().out == "yes\n"
    held = model.constrain(grammar='root ::= "yes"')
    talks = Session(model, None, {}, None, {"temperature": 0}, held)
    assert [talk(talks, "Hi"), talk(talks, "Again")] == ["yes", "yes"]


@pytest.mark.parametrize("name", ["messages", "tools", "self"])
def test_a_template_argument_of_a_taken_name_is_one_line(
    name: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", str(path), "-c", "99", "-p", "Hi", "--template-arg", f"{name}=[]"]) == 2
    assert f"template variable '{name}': expected another name" in capsys.readouterr().err


# -- a terminal ----------------------------------------------------------------------------------


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, *arguments: str, state: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: it execs at once
            self._pid, self._file = pty.fork()
        if not self._pid:
            command = [sys.executable, "-m", "abi", "chat", *arguments]
            os.execve(sys.executable, command, environment(state))
        self.shown = ""

    def wait_for(self, text: str, seconds: float = 30, again: str = "") -> str:
        """What was shown up to this text, since the last wait; `again` is sent each second."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"no {text!r} in {self.shown[-2000:]!r}"
            if not self._read():
                self.send(again)
        before, _, self.shown = self.shown.partition(text)
        return before

    def _read(self) -> bool:
        """Whether something came within a second."""
        if not select.select([self._file], [], [], 1)[0]:
            return False
        self.shown += os.read(self._file, 65536).decode("utf-8", "replace")
        return True

    def send(self, text: str) -> None:
        os.write(self._file, text.encode())

    def status(self, again: str = "") -> int:
        """Exit status; reads what is still written."""
        with suppress(OSError):  # the other side has closed
            for _ in range(30):
                if not self._read():
                    self.send(again)
        for _ in range(300):  # of a tenth of a second
            done, status = os.waitpid(self._pid, os.WNOHANG)
            if done:
                self._pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        raise AssertionError(f"still running after {self.shown[-2000:]!r}")

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._file)


@pytest.fixture
def terminal(path: Path, tmp_path: Path) -> Iterator[Any]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(str(path), "--temp", "0", *arguments, state=tmp_path))
        opened[-1].wait_for(">>> ")
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_a_session_on_a_terminal(terminal: Any, model: abi.Model, tmp_path: Path) -> None:
    answer = model.chat(HI, max_tokens=6, temperature=0)
    session = terminal("-c", "256", "-n", "6")
    session.send("Hi\r")
    session.wait_for(f"\r\n{answer}\r\n")
    session.wait_for(">>> ")
    session.send("two\\\rlines\r")
    session.wait_for("... ")
    session.wait_for(">>> ")
    session.send('"""\rmore\r\rlines"""\r')
    session.wait_for(">>> ")
    session.send("/nothing\r")
    session.wait_for("error: there is no command /nothing; /help lists them")
    session.send("word " * 200 + "\r")
    session.wait_for("error: prompt of ")
    session.send(f"/save {tmp_path / 'talk.json'}\r")
    session.wait_for("6 messages are in")
    session.send("/bye\r")
    assert session.status(again="\x04") == 0
    saved = json.loads((tmp_path / "talk.json").read_text())["messages"]
    assert [m["content"] for m in saved[::2]] == ["Hi", "two\nlines", "more\n\nlines"]
    assert saved[1]["content"] == answer
    history = tmp_path / "abi" / "history"
    assert "two\\" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_stops_the_answer_and_not_the_program(terminal: Any, tmp_path: Path) -> None:
    session = terminal("--no-history")
    session.send("Hi\r")
    session.wait_for(">>>>>>>>>>")  # what this model writes for ever
    session.send("\x03")
    session.wait_for("(stopped)")
    session.wait_for("\n>>> ")
    session.send("/set max_tokens 3\r")
    session.send("/show\r")
    session.wait_for("messages  2")
    session.send("again\r")
    session.wait_for(">>>\r\n")
    session.send("\x04")  # lost where readline is about to take the terminal
    assert session.status(again="\x04") == 0
    assert not (tmp_path / "abi").exists()


def test_ctrl_c_keeps_what_json_has_of_an_answer(terminal: Any) -> None:
    session = terminal("--json")
    session.send("Hi\r")
    time.sleep(2)
    session.send("\x03")
    session.wait_for("(stopped)", again="\x03")
    session.wait_for('"finish_reason": "cancelled"')
    session.wait_for(">>> ")
    session.send("/bye\r")
    assert session.status(again="\x04") == 0


def test_bytes_that_are_no_text_do_not_end_a_conversation(terminal: Any) -> None:
    session = terminal("-c", "256", "-n", "3")
    os.write(session._file, b"H\xffi\r")
    session.wait_for(">>>\r\n")
    session.wait_for(">>> ")
    session.send("/bye\r")
    assert session.status(again="\x04") == 0


def test_the_end_of_input_inside_quotes_ends_them_alone(terminal: Any) -> None:
    session = terminal("-c", "256", "-n", "3")
    session.send('"""\rone\r')
    session.wait_for("... ")
    session.wait_for("... ")
    session.send("\x04")
    session.wait_for(">>>\r\n", again="\x04")
    session.wait_for(">>> ")
    session.send("/show\r")
    session.wait_for("messages  2")


def test_what_was_typed_is_kept_at_once(terminal: Any, tmp_path: Path) -> None:
    session = terminal("-c", "256", "-n", "3")
    session.send("Hi there\r")
    session.wait_for(">>>\r\n")
    session.wait_for(">>> ")
    os.kill(session._pid, signal.SIGKILL)
    assert "Hi there" in (tmp_path / "abi" / "history").read_text()


def test_ctrl_c_twice_at_the_prompt_leaves(terminal: Any) -> None:
    session = terminal()
    # A signal between readline's prompt and its wait for a key is lost: it is sent again.
    session.send("\x03")
    session.wait_for("(Ctrl-C again or Ctrl-D leaves)", again="\x03")
    session.wait_for(">>> ")
    session.send("\x03")
    assert session.status(again="\x03") == 130


def test_reasoning_is_dimmed_on_a_terminal_and_left_out_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from abi.chat import Delta
    from abi.cli._chat_session import _show

    class Spoken:
        def deltas(self) -> list[Delta]:
            return [Delta(reasoning="Hm."), Delta(content="\x1b[31mYes"), Delta(malformed="no")]

    spoken: Any = Spoken()
    _show(spoken, Style(sys.stdout, True, "<", ">"))
    assert capsys.readouterr().out == "<Hm.>\n\n\ufffd[31mYes\n"
    _show(spoken, Style(sys.stdout))
    assert capsys.readouterr().out == "\x1b[31mYes\n"
