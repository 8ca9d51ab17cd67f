"""What a hostile template gets: an error, soon, and little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

from abi.chat import render_chat
from abi.chat._budget import MAX_CHARS
from abi.errors import FormatError, InputError
from tests.chat.attacks import ESCAPES, FLOODS

HI = [{"role": "user", "content": "Hi"}]
ROOT = Path(__file__).parents[2]
SECONDS = 2.5  # counts stop a template long before the clock does
KIB = 8 * MAX_CHARS // 1024  # the text, its pieces and a copy

# Templates that are too much to compile, of at most 64 KiB.
N = 64 << 10
LARGE = {
    "outputs": "{{a}}" * (N // 5),
    "assignments": "{%set a=1%}" * (N // 11),
    "loops beside loops": ("{%for a in a%}" * 19 + "{%endfor%}" * 19) * (N // 460),
    "loops in loops": "{%for a in a%}" * 2000 + "{%endfor%}" * 2000,
    "branches": "{%if a%}" + "{%elif a%}" * (N // 12) + "{%endif%}",
    "brackets": "{{" + "(" * (N // 2),
    "a sum": "{{1" + "+1" * (N // 2 - 4) + "}}",
    "filters": "{{a" + "|e" * (N // 2 - 4) + "}}",
    "attributes": "{{a" + ".a" * (N // 2 - 4) + "}}",
    "negations": "{{" + "not " * (N // 4 - 4) + "1}}",
    "a list": "{{[" + "1," * (N // 2 - 4) + "]}}",
    "digits": "{{" + "9" * (N - 8) + "}}",
    "comments": "{#" * (N // 2),
    "blocks": "".join(f"{{%block a{i}%}}" for i in range(900)),
    "too long": "x" * (N + 1),
    "a file": "{% include 'a' %}",
    "a base": "{% extends 'a' %}",
    "macros of a file": "{% from 'a' import b %}",
}


CODE = """
import json, resource, sys
from time import thread_time
from abi.chat import render_chat
from abi.errors import InputError
from tests.chat.attacks import FLOODS
render_chat("{{ messages | tojson }}", [{"role": "user"}])
found, before = {}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, template in FLOODS.items():
    started = thread_time()
    try:
        result = render_chat(template, [{"role": "user", "content": "Hi"}])[:99]
    except InputError as error:
        result = f"InputError: {error}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found[name] = [result, thread_time() - started, peak]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def measured() -> Any:
    """For each flood its result, its seconds, and the peak of all so far in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, timeout=120,
        check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_stopped_soon_and_with_little_memory(name: str, measured: Any) -> None:
    result, seconds, peak = measured[name]
    assert result.startswith("InputError: the chat template ")
    assert len(result) < 500
    assert seconds < SECONDS
    assert peak < KIB


@pytest.mark.parametrize("name", LARGE)
def test_a_large_template_is_compiled_or_refused_soon(name: str) -> None:
    started = thread_time()
    with pytest.raises((FormatError, InputError)):
        render_chat(LARGE[name], HI, a=1)
    assert thread_time() - started < SECONDS


@pytest.mark.parametrize("attack", ESCAPES)
def test_python_stays_out_of_reach(attack: str) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    try:
        shown = render_chat(attack, messages)
    except (FormatError, InputError):
        shown = ""
    assert shown == ""  # Jinja2 prints an attribute that it refuses as nothing
    assert messages == HI


def test_a_template_may_change_its_copy_alone() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    template = "{% set _ = messages.append(1) %}{% set m = messages.pop(0) %}{{ m.content }}"
    assert render_chat(template, messages) == "Hi"
    assert messages == HI


def test_a_long_conversation_is_no_flood() -> None:
    messages = [{"role": "user", "content": "word " * 2000}] * 500
    template = (
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
        "<{{ m['role'] }}>{{ m['content'] | trim }}{{ m.content.split(' ') | length }}{% endfor %}"
    )
    assert len(render_chat(template, messages)) > 4_900_000
