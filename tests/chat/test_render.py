"""Rendering: what templates use, what they refuse, and shapes of messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.chat import ChatTemplate, Message, ToolCall, render_chat, template_names
from abi.errors import FormatError, InputError
from tests.chat.formats import TOOLS

HI = [{"role": "user", "content": "Hi"}]
CHATML = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WITH_TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ {'b': 'é<', 'a': [1, none, true]} | tojson }}", '{"b": "é<", "a": [1, null, true]}'),
        ("{{ {'b': 'é'} | tojson(ensure_ascii=true) }}", '{"b": "\\u00e9"}'),
        ("{{ [1, {'a': 2}] | tojson(indent=2) }}", '[\n  1,\n  {\n    "a": 2\n  }\n]'),
        ("{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}", '{"a": 2, "b": 1}'),
        ("{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}", '[1,{"a":2}]'),
        ("{{ strftime_now('%Y') | length }}", "4"),
        ("{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}"
         "{% endif %}{{ i }}{% endfor %}", "02"),
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}!", "Hi!"),
        ("{% set ns = namespace(n=0) %}{% for m in 'abc' %}{% set ns.n = ns.n + loop.index %}"
         "{% endfor %}{{ ns.n }}", "6"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}", "a2b1"),
        ("{% for k, v in {'a': 1} | items %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{{ '<think>x</think> y'.split('</think>')[-1].lstrip() }}", "y"),
        ("{{ 'abc'.startswith('ab') and not 'abc'.endswith('x') }}", "True"),
        ("{{ '%s-%03d' % ('a', 7) }} {{ '{}:{:>3}'.format('b', 1) }}", "a-007 b:  1"),
        ("{{ ' a\n b ' | trim | indent(2) }}", "a\n   b"),
        ("{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | "
         "join(', ') }}", "Hi"),
        ("{{ messages[-1]['content'][::-1] }}{{ messages[1:] }}", "iH[]"),
        ("{% macro f(x, n=2) %}{{ x * n }}{% endmacro %}{{ f('ab') }}", "abab"),
        ("{% macro f(n) %}{% if n %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
         "321"),
        ("{% set x %}a{{ 1 + 1 }}b{% endset %}{{ x | upper }}", "A2B"),
        ("{{ 'a' ~ 1 ~ none }}{{ x is defined }}{{ messages is iterable }}", "a1NoneFalseTrue"),
        ("{{ messages[0].name | default('anon') }}{{ messages[0].get('x', '-') }}", "anon-"),
        ("{% for m in messages %}{{ loop.first }}{{ loop.last }}{{ loop.previtem is undefined }}"
         "{% endfor %}", "TrueTrueTrue"),
        ("{% filter upper %}a{% endfilter %}", "A"),
        ("{% for m in [[1, [2]], 3] recursive %}{{ loop(m) if m is iterable else m }}{% endfor %}",
         "123"),
        ("{{ messages[0].reasoning_content is defined }}{{ tools is none }}", "FalseTrue"),
    ],
)  # fmt: skip
def test_what_templates_in_the_wild_use(template: str, expected: str) -> None:
    assert render_chat(template, HI) == expected


def test_blocks_leave_no_lines_behind() -> None:
    template = "{% for m in messages %}\n[{{ m.role }}] {{ m.content }}\n{% endfor %}\n"
    template += "  {% if add_generation_prompt %}\n[assistant]{% endif %}"
    assert render_chat(template, HI) == "[user] Hi\n[assistant]"
    assert render_chat(template, HI, add_generation_prompt=False) == "[user] Hi\n"


def test_reasoning_goes_by_both_names() -> None:
    message = {"role": "assistant", "content": "", "reasoning_content": "Hm."}
    assert render_chat("{{ messages[0].thinking }}", [message]) == "Hm."
    message = {"role": "assistant", "content": "", "reasoning": "Hm."}
    assert render_chat("{{ messages[0].reasoning_content }}", [message]) == "Hm."


def test_a_template_may_refuse() -> None:
    with pytest.raises(InputError, match="refuses these messages: only one"):
        render_chat("{{ raise_exception('only one') }}", HI)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for %}", "line 1: "),
        ("\n{% if x %}", "line 2: "),
        ("{{ x | urlize }}", "No filter named 'urlize'"),
        ("{% unknown %}", "unknown tag 'unknown'"),
    ],
)
def test_a_template_that_cannot_be_compiled_is_a_format_error(template: str, message: str) -> None:
    with pytest.raises(FormatError, match=rf"tokenizer\.chat_template: .*{message}"):
        render_chat(template, HI)


def test_values_that_json_has_no_word_for_are_refused() -> None:
    with pytest.raises(InputError, match="holds a object: expected texts"):
        render_chat("x", [{"role": "user", "content": object()}])
    deep: Any = []
    for _ in range(99):
        deep = [deep]
    with pytest.raises(InputError, match="messages: expected a list, got str"):
        render_chat("x", "Hi")  # type: ignore[arg-type]
    assert render_chat("{{ messages[0].n + 1 }}", [{"n": np.int64(2)}]) == "3"
    with pytest.raises(InputError, match="holds a ndarray"):
        render_chat("x", [{"n": np.zeros(3)}])
    with pytest.raises(InputError, match="nests deeper than 48"):
        render_chat("x", [{"role": "user", "content": deep}])


def test_names_that_a_template_reads() -> None:
    assert template_names(WITH_TOOLS) == {"tools", "messages", "add_generation_prompt"}
    assert template_names("{% set tools = 1 %}{{ tools }}{{ range(2) }}") == set()


def test_tools_that_a_template_does_not_read_are_an_error() -> None:
    with pytest.raises(InputError, match="the chat template takes no tools; it reads add_gen"):
        ChatTemplate(CHATML).render(HI, tools=TOOLS)
    with pytest.raises(InputError, match="takes no documents"):
        ChatTemplate(CHATML).render(HI, documents=[{"title": "a", "text": "b"}])
    with pytest.raises(InputError, match="takes no enable_thinking"):
        ChatTemplate(CHATML).render(HI, variables={"enable_thinking": False})


def test_tools_that_a_template_reads_and_leaves_out_are_an_error() -> None:
    template = "{% if tools and messages | length > 1 %}{{ tools }}{% endif %}" + CHATML
    with pytest.raises(InputError, match="leaves out the tool 'weather' in this conversation"):
        ChatTemplate(template).render(HI, tools=TOOLS)


def test_a_system_message_that_a_template_knows_nothing_of_is_an_error() -> None:
    told = [{"role": "system", "content": "Be kind."}, *HI]
    deaf = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    with pytest.raises(InputError, match="the chat template leaves out system messages; leave"):
        ChatTemplate(deaf).render(told)
    loud = "{% for m in messages %}{{ m.content | upper | replace('KIND', 'GOOD') }}{% endfor %}"
    assert ChatTemplate(loud + "{{ messages[0].content }}").render(told) == "BE GOOD.HIBe kind."
    # One that tells it with the last question alone is not silent where something else is last.
    late = "{% for m in messages[1:] %}{% if loop.last and m.role == 'user' %}"
    late += "{{ messages[0].content }}{% endif %}{{ m.content }}{% endfor %}"
    assert ChatTemplate(late).render([*told, {"role": "assistant", "content": "!"}]) == "Hi!"


@pytest.mark.parametrize("name", ["messages", "tools", "documents", "self"])
def test_what_is_given_by_itself_is_no_variable(name: str) -> None:
    with pytest.raises(InputError, match=f"template variable '{name}': expected another name"):
        ChatTemplate(CHATML).render(HI, variables={name: []})


def test_tools_may_come_from_an_iterator() -> None:
    assert "weather" in ChatTemplate(WITH_TOOLS).render(HI, tools=iter(TOOLS))
    with pytest.raises(InputError, match="takes no tools"):
        ChatTemplate(CHATML).render(HI, tools=iter(TOOLS))


def test_a_tool_may_lack_what_a_template_needs() -> None:
    short = {"type": "function", "function": {"name": "now"}}
    strict = "{% for t in tools %}{{ t.function.name ~ t.function.description.strip() }}"
    strict += "{{ t.function.parameters.get('properties') }}{% endfor %}"
    assert ChatTemplate(strict).render(HI, tools=[short]) == "nowNone"
    bare = "{% for t in tools %}{{ t.name ~ t.description.strip() }}{% endfor %}"
    assert ChatTemplate(bare).render(HI, tools=[{"name": "now"}]) == "now"
    plain = ChatTemplate("{{ tools | tojson }}").render(HI, tools=[short])
    assert plain == '[{"type": "function", "function": {"name": "now"}}]'  # as it was given


def test_no_content_where_a_template_cannot_take_it_once_it_was_answered() -> None:
    """QwQ splits the content of every message but the last."""
    source = "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}"
    source += "{{ m.content.split('</think>')[-1] }}{% endif %}{{ m.tool_calls }}{% endfor %}"
    call = {"function": {"name": "weather", "arguments": {}}}
    asked = [*HI, {"role": "assistant", "content": None, "tool_calls": [call]}]
    answered = [*asked, {"role": "tool", "content": "12"}, *HI]
    assert "weather" in ChatTemplate(source).render(answered)


@pytest.mark.parametrize("arguments", ["{", "[" * 100_000, '{"a": NaN}', '{"a": 1e999}'])
def test_arguments_that_are_no_json_are_one_clear_error(arguments: str) -> None:
    call = {"function": {"name": "weather", "arguments": arguments}}
    messages = [*HI, {"role": "assistant", "content": "", "tool_calls": [call]}]
    source = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
    source += "{{ c.function.arguments | tojson }}{% endfor %}{{ m.content }}{% endfor %}"
    with pytest.raises(InputError, match="the arguments of a call of 'weather' are not JSON"):
        ChatTemplate(source).render(messages)


def test_calls_that_a_template_leaves_out_are_an_error() -> None:
    call = {"function": {"name": "weather", "arguments": "{}"}}
    messages = [*HI, {"role": "assistant", "content": None, "tool_calls": [call]}]
    with pytest.raises(InputError, match="leaves out the call of 'weather'"):
        ChatTemplate(CHATML).render(messages)


def test_tools_are_given_to_a_template_that_reads_them() -> None:
    assert '"name": "weather"' in ChatTemplate(WITH_TOOLS).render(HI, tools=TOOLS)
    assert '"name": "now"' in ChatTemplate("{{ functions }}").render(HI, tools=TOOLS)
    assert "weather" in ChatTemplate("{{ xml_tools }}").render(HI, tools=TOOLS)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("Hi", "messages: expected a list of messages, got str"),
        ({"role": "user"}, "messages: expected a list of messages, got dict"),
        ([], "messages: the list is empty"),
        (["Hi"], r"messages\[0\]: expected a mapping, got str"),
        ([{"content": "Hi"}], r"messages\[0\]\.role: expected a text such as 'user', got None"),
        ([{"role": "user"}], r"messages\[0\]\.content: missing"),
        ([{"role": "user", "content": 3}], r"messages\[0\]\.content: expected a text or a list"),
        ([*HI, {"role": "user", "content": [{"type": "image_url"}]}],
         r"messages\[1\]\.content\[0\]: .* this model reads text only"),
        ([{"role": "assistant", "tool_calls": "x"}], r"tool_calls: expected a list, got str"),
        ([{"role": "assistant", "tool_calls": [{}]}], r"tool_calls\[0\]: expected"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}],
         "arguments of a call of 'f' are not JSON"),
    ],
)  # fmt: skip
def test_messages_of_a_bad_shape_are_one_clear_error(messages: Any, reason: str) -> None:
    template = "{{ messages[-1].tool_calls[0].function.arguments | tojson }}"
    with pytest.raises(InputError, match=reason):
        ChatTemplate(template).render(messages)


@pytest.mark.parametrize("tools", ["x", [{"type": "function"}], [3], {"name": "f"}])
def test_tools_of_a_bad_shape_are_one_clear_error(tools: Any) -> None:
    with pytest.raises(InputError, match="tools"):
        ChatTemplate(WITH_TOOLS).render(HI, tools=tools)


PARTS = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def test_parts_become_text_for_a_template_that_takes_text() -> None:
    template = ChatTemplate("{% for m in messages %}{{ m.content }}{% endfor %}")
    assert template.render([{"role": "user", "content": PARTS}]) == "one\ntwo"


def test_parts_stay_for_a_template_that_takes_them() -> None:
    both = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
    both += "{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endif %}{% endfor %}"
    assert ChatTemplate(both).render([{"role": "user", "content": PARTS}]) == "[one][two]"
    assert ChatTemplate(both).render(HI) == "Hi"


def test_text_becomes_parts_for_a_template_that_takes_parts_alone() -> None:
    parts = "{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}"
    assert ChatTemplate(parts).render(HI) == "[Hi]"


CALL = {"id": "1", "function": {"name": "f", "arguments": '{"a": "é"}'}}
CALLED = [*HI, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
HEAD = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
TAIL = "{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{{ c.function.arguments | tojson }}", 'f{"a": "é"}'),
        ("{{ c.function.arguments }}", 'f{"a": "é"}'),
        ("{{ '#' + c.function.arguments }}", 'f#{"a": "é"}'),
        ("{% for k, v in c.function.arguments | items %}<{{ k }}>{{ v }}{% endfor %}", "f<a>é"),
    ],
)
def test_arguments_are_given_as_the_template_takes_them(body: str, expected: str) -> None:
    assert ChatTemplate(HEAD + body + TAIL).render(CALLED) == expected


def test_no_content_is_given_as_the_template_takes_it() -> None:
    call = "{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}"
    start = "{% for m in messages %}"
    assert "None" not in ChatTemplate(start + "{{ m.content }}" + call + "{% endfor %}").render(
        CALLED
    )
    joined = ChatTemplate(start + "{{ '<' + m.content + '>' }}" + call + "{% endfor %}")
    assert joined.render(CALLED).startswith("<Hi><>")
    none = ChatTemplate(start + "{{ m.content is none }}" + call + "{% endfor %}")
    assert none.render(CALLED).startswith("FalseTrue")


def test_an_answer_goes_back_as_it_is() -> None:
    answer = Message("", "Hm.", (ToolCall("f", '{"a": 1}', "x"),))
    template = "{{ messages[1].reasoning_content }}" + HEAD + "{{ c.id }}" + TAIL
    assert ChatTemplate(template).render([*HI, answer]) == "Hm.fx"


def test_named_templates_as_gguf_has_them() -> None:
    metadata = {
        "tokenizer.chat_template": CHATML,
        "tokenizer.chat_templates": ["tool_use", "rag"],
        "tokenizer.chat_template.tool_use": WITH_TOOLS,
        "tokenizer.chat_template.rag": "{{ documents }}",
    }
    assert ChatTemplate.from_metadata(metadata).source == CHATML
    assert ChatTemplate.from_metadata(metadata, tools=True).source == WITH_TOOLS
    assert ChatTemplate.from_metadata(metadata, name="rag").source == "{{ documents }}"
    with pytest.raises(InputError, match=r"no chat template 'x'; it has tool_use, rag, default"):
        ChatTemplate.from_metadata(metadata, name="x")
    assert ChatTemplate.from_metadata({"tokenizer.chat_template": "a"}, tools=True).source == "a"


def test_no_template_is_an_error_with_its_cures() -> None:
    with pytest.raises(InputError, match=r"no chat template \(tokenizer.chat_template\); give one"):
        ChatTemplate.from_metadata({})
