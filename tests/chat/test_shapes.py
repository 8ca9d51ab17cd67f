"""Templates in the manner of each large family, written here, and what they render by hand.

llama.cpp's own templates need a download (test_llama_cpp.py); these need none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from abi.chat import ChatTemplate
from abi.errors import InputError

ADD: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer", "description": "One."}},
            "required": ["a"],
        },
    },
}
CALL = {"id": "abc123def", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "1?"},
    {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "abc123def", "name": "add", "content": "2"},
    {"role": "assistant", "content": "2."},
    {"role": "user", "content": "Sure? "},
]


class Shape(NamedTuple):
    """A template, what it is like, and what it makes of `TALK`."""

    like: str
    template: str
    expected: str
    tools: bool = True
    variables: dict[str, Any] = {}  # noqa: RUF012 - read only


CHATML = """\
{%- if tools %}
<|im_start|>system
{{ messages[0].content if messages[0].role == 'system' }}
<tools>{% for tool in tools %}

{{ tool | tojson }}{% endfor %}

</tools><|im_end|>
{% endif %}
{%- set ns = namespace(last=0) %}
{%- for m in messages[::-1] %}
    {%- set index = (messages | length - 1) - loop.index0 %}
    {%- if m.role == 'user' and not ns.last %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
{%- if m.role == 'system' and loop.first and tools %}
    {%- continue %}
{%- elif m.role == 'assistant' %}
<|im_start|>assistant
{%- if m.reasoning_content and loop.index0 > ns.last %}
<think>{{ m.reasoning_content.strip('\\n') }}</think>
{%- endif %}
{%- for call in m.tool_calls or [] %}

<tool_call>{"name": "{{ call.function.name }}", "arguments":{{ " " }}
{{- call.function.arguments | tojson }}}</tool_call>
{%- endfor %}
{{- '\\n' + m.content if m.content }}<|im_end|>
{% elif m.role == 'tool' %}
<|im_start|>user
<tool_response>{{ m.content }}</tool_response><|im_end|>
{% else %}
<|im_start|>{{ m.role }}
{{ m.content | trim }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{{ '<think></think>' if enable_thinking is defined and enable_thinking is false }}
{%- endif %}
"""

ADD_JSON = (
    '{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": '
    '{"type": "object", "properties": {"a": {"type": "integer", "description": "One."}}, '
    '"required": ["a"]}}}'
)
CHATML_TALK = (
    f"<|im_start|>system\nBe kind.\n<tools>\n{ADD_JSON}\n</tools><|im_end|>\n"
    "<|im_start|>user\n1?<|im_end|>\n"
    '<|im_start|>assistant\n<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
    "<|im_end|>\n"
    "<|im_start|>user\n<tool_response>2</tool_response><|im_end|>\n"
    "<|im_start|>assistant\n2.<|im_end|>\n"
    "<|im_start|>user\nSure?<|im_end|>\n"
    "<|im_start|>assistant\n"
)

MISTRAL = (
    "{{ bos_token }}"
    "{%- set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages %}"
    "{%- set users = loop_messages | selectattr('role', 'equalto', 'user') | list %}"
    "{%- for m in loop_messages %}"
    "{%- if m.role == 'user' %}"
    "{%- if tools is not none and m == users[-1] %}"
    "{{- '[AVAILABLE_TOOLS][' }}{% for t in tools %}"
    "{{- '{\"function\": {' }}{% for k, v in t.function.items() if k != 'description' %}"
    "{{- '\"' + k + '\": ' + v | tojson }}{{- ', ' if not loop.last else '}}' }}{% endfor %}"
    "{%- endfor %}{{- '][/AVAILABLE_TOOLS]' }}{% endif %}"
    "{%- set told = messages[0].content + '\n\n' if loop.last and loop_messages != messages %}"
    "{{- '[INST]' + (told or '') + m.content + '[/INST]' }}"
    "{%- elif m.tool_calls is defined %}"
    "{%- for c in m.tool_calls %}{%- if c.id is not defined or c.id | length != 9 %}"
    "{{- raise_exception('Tool call IDs should be 9 long') }}{% endif %}"
    "{{- '[TOOL_CALLS][' + (c.function | tojson)[:-1] + ', \"id\": \"' + c.id + '\"}]' }}"
    "{%- endfor %}{{- eos_token }}"
    "{%- elif m.role == 'tool' %}"
    "{{- '[TOOL_RESULTS]' + m.content | string + '[/TOOL_RESULTS]' }}"
    "{%- else %}{{- m.content + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL_TALK = (
    '<s>[INST]1?[/INST][TOOL_CALLS][{"name": "add", "arguments": {"a": 1}, "id": "abc123def"}]</s>'
    '[TOOL_RESULTS]2[/TOOL_RESULTS]2.</s>[AVAILABLE_TOOLS][{"function": {"name": "add", '
    '"parameters": {"type": "object", "properties": {"a": {"type": "integer", "description": '
    '"One."}}, "required": ["a"]}}}][/AVAILABLE_TOOLS][INST]Be kind.\n\nSure? [/INST]'
)

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)

HARMONY = """\
{%- macro kind(spec) -%}
    {%- if spec.type == "array" -%}{{ kind(spec['items']) ~ "[]" }}
    {%- elif spec.type is iterable and spec.type is not string -%}{{ spec.type | join(" | ") }}
    {%- else -%}{{ "number" if spec.type in ["integer", "float"] else spec.type }}
    {%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] -%}
    {%- set f = tool.function -%}
    {{- "// " + f.description + "\\ntype " + f.name + " = (_: {\\n" -}}
    {%- for name, spec in f.parameters.properties.items() -%}
        {{- name + ("?" if name not in (f.parameters.required or []) else "") + ": " -}}
        {{- kind(spec) + ",\\n" -}}
    {%- endfor -%}
    {{- "}) => any;\\n" -}}
{%- endfor -%}
{%- set ns = namespace(called=none) -%}
{%- for m in messages -%}
    {%- if m.role == "assistant" and "tool_calls" in m -%}
        {%- if "thinking" in m -%}
            {{- "<|start|>assistant<|channel|>analysis<|message|>" + m.thinking + "<|end|>" -}}
        {%- endif -%}
        {%- set call = m.tool_calls[0].function -%}
        {%- set ns.called = call.name -%}
        {{- "<|start|>assistant to=functions." + call.name + "<|channel|>commentary json" -}}
        {{- "<|message|>" + call.arguments | tojson + "<|call|>" -}}
    {%- elif m.role == "tool" -%}
        {{- "<|start|>functions." + ns.called + " to=assistant<|message|>" -}}
        {{- m.content | tojson + "<|end|>" -}}
    {%- else -%}
        {{- "<|start|>" + m.role + "<|message|>" + m.content + "<|end|>" -}}
    {%- endif -%}
{%- endfor -%}
{{- "<|start|>assistant" if add_generation_prompt -}}
"""
HARMONY_TALK = (
    "// Adds.\ntype add = (_: {\na: number,\n}) => any;\n"
    "<|start|>system<|message|>Be kind.<|end|><|start|>user<|message|>1?<|end|>"
    "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
    '<|start|>assistant to=functions.add<|channel|>commentary json<|message|>{"a": 1}<|call|>'
    '<|start|>functions.add to=assistant<|message|>"2"<|end|>'
    "<|start|>assistant<|message|>2.<|end|><|start|>user<|message|>Sure? <|end|><|start|>assistant"
)

DEEPSEEK = (
    "{% set ns = namespace(system='', first=true, outputs=false) %}"
    "{%- for m in messages %}{%- if m['role'] == 'system' %}"
    "{% set ns.system = ns.system + m['content'] %}{%- endif %}{%- endfor %}"
    "{{ bos_token }}{{ ns.system }}"
    "{%- for t in tools or [] %}{{ '\\n## ' ~ t.function.name }}{% endfor %}"
    "{%- for m in messages %}{%- if m['role'] == 'user' %}{{ '<U>' + m['content'] }}"
    "{%- elif m['role'] == 'assistant' and m['tool_calls'] %}"
    "{%- for c in m['tool_calls'] %}{{ '<A><calls>' + c['function']['name'] + '\\n```json\\n' + "
    "c['function']['arguments'] + '\\n```' }}{%- endfor %}"
    "{%- elif m['role'] == 'tool' %}{%- set ns.outputs = true %}{{ '<out>' + m['content'] }}"
    "{%- elif m['role'] == 'assistant' %}{% set content = m['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<A>' + content + '<E>' }}{%- endif %}{%- endfor %}"
    "{% if add_generation_prompt %}{{ '<A><think>\\n' }}{% endif %}"
)
DEEPSEEK_TALK = (
    '<s>Be kind.\n## add<U>1?<A><calls>add\n```json\n{"a": 1}\n```<out>2<A>2.<E><U>Sure? '
    "<A><think>\n"
)

ARG_KEYS = """\
[gMASK]
{%- macro visible(content) -%}
{%- if content is string -%}{{ content }}
{%- elif content is iterable and content is not mapping -%}
{%- for item in content -%}{{ item.text if item is mapping and item.type == 'text' else item }}
{%- endfor -%}
{%- else -%}{{ content }}{%- endif -%}
{%- endmacro -%}
{% for t in tools or [] %}{{ t | tojson(ensure_ascii=False) }}{% endfor %}
{%- for m in messages -%}
<|{{ 'observation' if m.role == 'tool' else m.role }}|>
{{ visible(m.content).strip() }}
{%- for tc in m.tool_calls or [] %}
{%- set tc = tc.function if tc.function else tc %}
<tool_call>{{ tc.name }}
{% for k, v in tc.arguments.items() %}
<arg_key>{{ k }}</arg_key><arg_value>{{ v | tojson if v is not string else v }}</arg_value>
{% endfor %}
</tool_call>
{%- endfor %}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
"""
ARG_KEYS_TALK = (
    f"[gMASK]{ADD_JSON}<|system|>\nBe kind.<|user|>\n1?<|assistant|>\n<tool_call>add\n"
    "<arg_key>a</arg_key><arg_value>1</arg_value>\n</tool_call><|observation|>\n2<|assistant|>\n2."
    "<|user|>\nSure?<|assistant|>"
)

PARTS = (
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% else %}"
    "{{ raise_exception('Only text') }}{% endif %}{% endfor %}"
    "{% generation %}{{ '<|end|>' }}{% endgeneration %}{% endfor %}"
)

SHAPES = [
    Shape("hermes and qwen", CHATML, CHATML_TALK),
    Shape("qwen3 that does not think", CHATML, CHATML_TALK + "<think></think>", True,
          {"enable_thinking": False}),
    Shape("mistral", MISTRAL, MISTRAL_TALK),
    Shape("gpt-oss", HARMONY, HARMONY_TALK),
    Shape("deepseek", DEEPSEEK, DEEPSEEK_TALK),
    Shape("glm", ARG_KEYS, ARG_KEYS_TALK),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.like)
def test_a_talk_with_tools(shape: Shape) -> None:
    template = ChatTemplate(shape.template, {"bos_token": "<s>", "eos_token": "</s>"})
    assert template.render(TALK, tools=[ADD], variables=shape.variables) == shape.expected


PLAIN_TALK = [TALK[1], {"role": "assistant", "content": "2."}, TALK[5]]


def test_roles_that_alternate_and_refuse() -> None:
    template = ChatTemplate(GEMMA, {"bos_token": "<bos>"})
    assert template.render(PLAIN_TALK) == (
        "<bos><start_of_turn>user\n1?<end_of_turn>\n<start_of_turn>model\n2.<end_of_turn>\n"
        "<start_of_turn>user\nSure?<end_of_turn>\n<start_of_turn>model\n"
    )
    with pytest.raises(InputError, match="refuses these messages: System role not supported"):
        template.render(TALK[:2])
    with pytest.raises(InputError, match="Conversation roles must alternate"):
        template.render([TALK[1], TALK[1]])


def test_a_template_for_parts_and_generation() -> None:
    assert ChatTemplate(PARTS).render(PLAIN_TALK) == (
        "<|user|>1?<|end|><|assistant|>2.<|end|><|user|>Sure? <|end|>"
    )


def test_mistrals_ids_are_nine_long() -> None:
    template = ChatTemplate(MISTRAL, {"bos_token": "", "eos_token": ""})
    call = {**CALL, "id": "call_1"}
    messages = [TALK[1], {"role": "assistant", "content": "", "tool_calls": [call]}, TALK[1]]
    with pytest.raises(InputError, match="Tool call IDs should be 9 long"):
        template.render(messages, tools=[ADD])
