"""How families of models write reasoning and calls of tools: one row a family.

A row is found by marks in the text of the chat template. The marks and formats are facts of the
templates that llama.cpp keeps (`models/templates`) and of its parsers (`common/chat.cpp`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from abi.chat._family import Calls, Family, Headers, Reasoning
from abi.chat._gemma import read_gemma
from abi.chat._readers import (
    read_arg_keys,
    read_deepseek,
    read_functions,
    read_json,
    read_keyed,
    read_kimi,
    read_kimi_k3,
    read_minimax_m3,
    read_mistral,
    read_solar,
    read_tagged,
)
from abi.chat._scanner import Call, Tools

__all__ = ["FAMILIES", "REASONING", "family_of"]

REASONING: tuple[tuple[str, Reasoning], ...] = (
    ("[BEGIN FINAL RESPONSE]", Reasoning("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]")),
    ("<seed:think>", Reasoning("<seed:think>", "</seed:think>")),
    ("<mm:think>", Reasoning("<mm:think>", "</mm:think>")),
    ("'<think{}>'", Reasoning("<think:opensource>", "</think:opensource>")),
    ("<|START_THINKING|>", Reasoning("<|START_THINKING|>", "<|END_THINKING|>")),
    ("<|channel>thought", Reasoning("<|channel>thought", "<channel|>")),
    ("<|open|>", Reasoning("<|open|>think<|sep|>", "<|close|>think<|sep|>")),
    ("<|inner_prefix|>", Reasoning("<|inner_prefix|>", "<|inner_suffix|>")),
    ("<|think|>", Reasoning("<|think|>", "<|end|>")),
    ("[THINK]", Reasoning("[THINK]", "[/THINK]")),
    ("</think>", Reasoning("<think>", "</think>")),
    ("<think>", Reasoning("<think>", "</think>")),
)


def read_python(text: str, tools: Tools) -> list[Call]:
    from abi.chat import _python

    return _python.read_python(text, tools)


def read_python_tag(text: str, tools: Tools) -> list[Call]:
    from abi.chat import _python

    return _python.read_python_tag(text, tools)


_HERMES = Calls("<tool_call>", read_json, "</tool_call>")
_XML = (
    Calls("<tool_call>", read_functions, "</tool_call>"),
    Calls("<function=", read_functions, "</function>", keep=True),
)
_ARG_TAGS = "<arg_key{0}> </arg_key{0}> <arg_value{0}> </arg_value{0}> <tool_sep{0}>"
_ARG_KEYS = Calls("<tool_call>", read_arg_keys, "</tool_call>")
_COHERE = Calls("<|START_ACTION|>", read_json, "<|END_ACTION|>")
_LFM2 = Calls("<|tool_call_start|>", read_python, "<|tool_call_end|>")
_HY3 = Calls(
    "<tool_call:opensource>", partial(read_arg_keys, suffix=":opensource"),
    "</tool_call:opensource>",
)  # fmt: skip
_DSML = partial(read_tagged, prefix="｜DSML｜")
_ATEM = partial(read_tagged, prefix="atem:")
_MINICPM = partial(read_tagged, call="function", argument="param")


def _atem(text: str, tools: Tools) -> list[Call]:
    text = text.replace("<atem:function_calls>", "", 1)
    return _ATEM(text.replace("</atem:function_calls>", "", 1), tools)


_HARMONY = Headers(
    ("<|start|>", "<|channel|>"), "<|message|>", ("<|end|>", "<|call|>", "<|return|>"),
    r"to=(?:functions\.)?([^\s<]+)", ("analysis",), ("commentary", "final"),
)  # fmt: skip
_MUSE = Headers(
    ("<|start|>",), "<|message|>", ("<|eom|>", "<|eot|>"),
    r"to=([^\s<]+)", ("self",), ("user",), _atem,
)  # fmt: skip
_FUNCTIONARY = Headers((">>>",), "\n", (), r"^\s*([^\s<]+)", (), ("all",))

# In this order: a later row's marks may stand in an earlier family's templates too.
FAMILIES: tuple[Family, ...] = (
    Family("gpt-oss", ("<|channel|>", "<|message|>"), headers=_HARMONY, inner=("<|constrain|>",)),
    Family("muse", ("<atem:function_calls>", "<|eom|>"), headers=_MUSE, inner=(
        "<atem:function_calls>",
    )),
    Family("functionary-v3.2", (">>>all",), headers=_FUNCTIONARY),
    Family("kimi-k2", ("<|tool_calls_section_begin|>",), (
        Calls("<|tool_calls_section_begin|>", read_kimi, "<|tool_calls_section_end|>"),
        Calls("<|tool_call_begin|>", read_kimi, "<|tool_call_end|>", keep=True),
    ), inner=("<|tool_call_argument_begin|>",)),
    Family("kimi-k3", ("<|open|>", "<|end_of_msg|>"), (
        Calls("<|open|>tools<|sep|>", read_kimi_k3, "<|close|>tools<|sep|>"),
    ), drops=(
        "<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>",
        "<|end_of_msg|>",
    ), inner=("<|open|>call", "<|open|>argument")),
    Family("hunyuan-v3", ("<arg_key{}>",), (_HY3,), drops=(
        "<tool_calls:opensource>", "</tool_calls:opensource>",
    ), inner=tuple(_ARG_TAGS.format(":opensource").split())),
    Family("glm", ("<arg_key>",), (_ARG_KEYS,), inner=tuple(_ARG_TAGS.format("").split())),
    Family("command-r7b", ("<|START_ACTION|>",), (_COHERE,), drops=(
        "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>",
    )),
    Family("command-r", ("Action:", "```json", "<|CHATBOT_TOKEN|>"), (
        Calls("Action: ```json", read_json, "```"), Calls("Action:\n```json", read_json, "```"),
    )),
    Family("lfm2", ("<|tool_call_start|>",), (_LFM2,)),
    Family("lfm2", ("<|tool_list_start|>",), (_LFM2,)),
    Family("lfm2", ("List of tools: [",), (_LFM2,)),
    Family("gigachat-3.1", ("<|role_sep|>", "<|function_call|>"), (
        Calls("<|function_call|>", read_json),
    )),
    Family("gigachat-3", ("<|role_sep|>", "<|message_sep|>"), (
        Calls("<|message_sep|>\n\nfunction call<|role_sep|>\n", read_json),
    )),
    Family("minimax-m3", ("]<]minimax[>[",), (
        Calls("]<]minimax[>[<tool_call>", read_minimax_m3, "]<]minimax[>[</tool_call>"),
    )),
    Family("minimax-m2", ("<minimax:tool_call>",), (
        Calls("<minimax:tool_call>", read_tagged, "</minimax:tool_call>"),
    )),
    Family("minimax-m1", ("<beginning_of_sentence>", "<tool_calls>"), (
        Calls("<tool_calls>", read_json, "</tool_calls>"),
    )),
    Family("deepseek-v3.2", ("DSML", "function_calls"), (
        Calls("<｜DSML｜function_calls>", _DSML, "</｜DSML｜function_calls>"),
    )),
    Family("deepseek-v4", ("DSML",), (
        Calls("<｜DSML｜tool_calls>", _DSML, "</｜DSML｜tool_calls>"),
    )),
    Family("deepseek", ("<｜tool▁calls▁begin｜>",), (
        Calls("<｜tool▁calls▁begin｜>", read_deepseek, "<｜tool▁calls▁end｜>"),
        Calls("<｜tool▁call▁begin｜>", read_deepseek, "<｜tool▁call▁end｜>", keep=True),
    ), inner=("<｜tool▁sep｜>",)),
    Family("gemma-4", ("<|tool_call>call:",), (
        Calls("<|tool_call>", read_gemma, "<tool_call|>"),
    ), drops=("<|tool_response>",), inner=('<|"|>',)),
    Family("minicpm-5", ('<function name="', '<param name="'), (
        Calls('<function name="', _MINICPM, "</function>", keep=True),
    )),
    Family("seed-oss", ("<seed:tool_call>",), (
        Calls("<seed:tool_call>", read_functions, "</seed:tool_call>"),
    )),
    Family("qwen3-coder", ("<function=", "<parameter="), _XML),
    Family("functionary-v3.1", ("<function=", "<|python_tag|>"), (
        Calls("<function=", read_functions, "</function>", keep=True),
        Calls("<|python_tag|>", read_python_tag),
    )),
    Family("apertus", ("<|tools_prefix|>",), (
        Calls("<|tools_prefix|>", read_keyed, "<|tools_suffix|>"),
    )),
    Family("solar", ("<|tool_call:begin|>",), (
        Calls("<|tool_calls|>", read_solar, "<|calls|>"),
    ), drops=("<|begin|>assistant", "<|content|>", "<|end|>"), inner=(
        "<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>",
    )),
    Family("mistral", ("[TOOL_CALLS]",), (Calls("[TOOL_CALLS]", read_mistral),), inner=(
        "[CALL_ID]", "[ARGS]",
    )),
    Family("firefunction-v2", ("functools[",), (Calls("functools", read_json),)),
    Family("nemotron-nano-v2", ("<TOOLCALL>",), (Calls("<TOOLCALL>", read_json, "</TOOLCALL>"),)),
    Family("phi-4-mini", ("<|tool_call|>", "<|/tool_call|>"), (
        Calls("<|tool_call|>", read_json, "<|/tool_call|>"),
    )),
    Family("granite-3", ("<|tool_call|>",), (Calls("<|tool_call|>", read_json),), drops=(
        "<response>", "</response>",
    )),
    Family("apriel", ("<tool_calls>[",), (
        Calls("<tool_calls>", read_json, "</tool_calls>"),
    ), drops=("[END FINAL RESPONSE]",)),
    Family("hermes", ("<tool_call>",), (_HERMES,)),
    Family("llama-4", ("[func_name1(",), (
        Calls("<|python_start|>", read_python, "<|python_end|>"),
    ), bare=read_python),
    Family("llama-3", ("<|python_tag|>",), (
        Calls("<|python_tag|>", read_python_tag),
    ), bare=read_json),
    Family("llama-3", ("<|start_header_id|>", '"parameters": '), (
        Calls("<|python_tag|>", read_python_tag),
    ), bare=read_json),
)  # fmt: skip

# Templates that show tools and none of the marks above.
_GENERIC = Family(
    "generic", (),
    (_HERMES, Calls("[TOOL_CALLS]", read_mistral), Calls("<|python_tag|>", read_python_tag)),
    bare=read_json,
)  # fmt: skip


def family_of(template: str) -> Family:
    """The row of a chat template, with the reasoning that it shows.

    Parameters
    ----------
    template : str
        Jinja2 source.

    Returns
    -------
    Family
        "generic" where no row's marks are in it.

    Examples
    --------
    >>> family_of("{{ '<tool_call>' }} ... {{ '</think>' }}").name
    'hermes'
    """
    found = (row for row in FAMILIES if all(mark in template for mark in row.marks))
    family = next(found, _GENERIC)
    if family.headers is not None:
        return family
    thinks = next((row for mark, row in REASONING if mark in template), None)
    return replace(family, reasoning=(thinks,) if thinks else ())
