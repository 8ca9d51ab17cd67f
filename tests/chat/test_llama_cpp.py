"""llama.cpp's templates: rendered as the reference does, and their own calls read back."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from abi.chat import ChatTemplate, parse_message, render_chat
from abi.chat import _sandbox as sandbox
from abi.errors import AbiError, InputError
from tests.oracle.conversations import CASES, Clock, digest, fetch, templates
from tests.require import require

pytestmark = pytest.mark.vocabs
RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "chat-renderings.json").read_text()
)["templates"]

# Renders with tools here and in llama.cpp, and nowhere in Jinja2: `tojson` of a generator.
MORE = {"llama-cpp-deepseek-r1"}

# Ends of a turn, which a model's end token stands for.
END = re.compile(
    r"<\|im_end\|>|<EOS>|<\|eot_id\|>|<\|eom_id\|>|<\|END_OF_TURN_TOKEN\|>|<turn\|>|\[e~\[|<sep>"
    r"|<end_of_sentence>|<\|end_of_text\|>|<\|role_end\|>|</assistant>|<｜end▁of▁sentence｜>"
    r"|<｜hy_eos:opensource｜>|<seed:eos>|<\|message_sep\|>\n\nfunction result|<SPECIAL_12>"
    r"|<\|user\|>|<\|observation\|>|<\|assistant_end\|>|\Z"
)
NO_TOOLS = {
    "HuggingFaceTB-SmolLM3-3B": "does not render calls",
    "LFM2-8B-A1B": "does not render calls",
    "LFM2.5-Instruct": "does not render calls",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "takes no tools",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "takes no tools",
    "deepseek-ai-DeepSeek-V3.1": "takes no tools",
    "google-gemma-2-2b-it": "takes no tools",
    "ibm-granite-granite-3.3-2B-Instruct": "does not render calls",
    "llama-cpp-rwkv-world": "takes no tools",
    "microsoft-Phi-3.5-mini-instruct": "takes no tools",
}


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    try:
        return dict(templates(fetch()))
    except OSError as error:
        require("vocabs", False, str(error))
        raise


@pytest.mark.parametrize("name", RECORDED)
def test_a_template_renders_as_the_reference_does(
    name: str, sources: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "datetime", Clock)
    source, recorded = sources[name], RECORDED[name]
    assert hashlib.sha256(source.encode()).hexdigest() == recorded["sha256"]
    for case, expected in zip(CASES, recorded["renderings"], strict=True):
        try:
            rendered = digest(render_chat(source, **case))
        except InputError:
            rendered = ""
        assert rendered == expected or (name in MORE and not expected), case


def test_all_templates_were_recorded(sources: dict[str, str]) -> None:
    assert sources.keys() == RECORDED.keys()


@pytest.mark.parametrize("name", [n for n in RECORDED if n not in NO_TOOLS])
def test_the_calls_that_a_template_renders_are_read_back(
    name: str, sources: dict[str, str]
) -> None:
    template = ChatTemplate(sources[name], {"bos_token": "<BOS>", "eos_token": "<EOS>"})
    found = [_read_back(template, case) for case in CASES if _one_call(case)]
    assert [("weather", {"town": "Oslo", "days": 3})] in found


def _one_call(case: dict[str, Any]) -> bool:
    message = case["messages"][1] if len(case["messages"]) > 1 else {}
    return len(message.get("tool_calls", ())) == 1 and "enable_thinking" not in case


def _read_back(template: ChatTemplate, case: dict[str, Any]) -> list[tuple[str, Any]]:
    """The calls of the second message, out of what the template makes of it."""
    tools = case["tools"]
    try:
        prompt = template.render(case["messages"][:1], tools=tools)
        whole = template.render(case["messages"], tools=tools, add_generation_prompt=False)
    except AbiError:
        return []
    same = next((i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), None)
    start = min(len(prompt), len(whole)) if same is None else same
    end = END.search(whole, start)
    assert end is not None
    text = whole[start : end.start()]
    message = parse_message(template.family, text, tools=tools, prompt=whole[:start])
    return [(call.name, call.parsed) for call in message.tool_calls]
