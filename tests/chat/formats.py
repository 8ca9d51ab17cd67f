"""One answer in the format of each family, with the parts it must come apart into.

The formats are facts of the templates that llama.cpp keeps; the words are ours. Marks is what
the family is found by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["ANSWERS", "TOOLS", "Answer"]

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a town.",
            "parameters": {
                "type": "object",
                "properties": {
                    "town": {"type": "string"},
                    "days": {"type": "integer"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["town"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}},
]

OSLO: dict[str, Any] = {"town": "Oslo", "days": 3}
TWO: list[tuple[str, dict[str, Any]]] = [("weather", OSLO), ("now", {})]
J = '{"town": "Oslo", "days": 3}'
HERMES = (
    '<tool_call>\n{"name": "weather", "arguments": ' + J + "}\n</tool_call>\n"
    '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
)
LIST = '[{"name": "weather", "arguments": ' + J + '}, {"name": "now", "arguments": {}}]'


class Answer(NamedTuple):
    """A text and its parts; `prompt` is the end of the prompt where it matters."""

    family: str
    marks: str
    text: str
    calls: list[tuple[str, dict[str, Any]]]
    content: str = ""
    reasoning: str = ""
    prompt: str = ""


def xml(open_: str, close: str) -> str:
    return (
        f"{open_}\n<function=weather>\n<parameter=town>\nOslo\n</parameter>\n<parameter=days>\n3\n"
        f"</parameter>\n</function>\n{close}\n{open_}\n<function=now>\n</function>\n{close}"
    )


def tagged(prefix: str, call: str = "invoke", argument: str = "parameter") -> str:
    return (
        f'<{prefix}{call} name="weather">\n<{prefix}{argument} name="town">Oslo'
        f'</{prefix}{argument}>\n<{prefix}{argument} name="days">3</{prefix}{argument}>\n'
        f'</{prefix}{call}>\n<{prefix}{call} name="now">\n</{prefix}{call}>'
    )


def arg_keys(suffix: str = "") -> str:
    s = suffix
    return (
        f"<tool_call{s}>weather\n<arg_key{s}>town</arg_key{s}>\n<arg_value{s}>Oslo</arg_value{s}>\n"
        f"<arg_key{s}>days</arg_key{s}>\n<arg_value{s}>3</arg_value{s}>\n</tool_call{s}>\n"
        f"<tool_call{s}>now\n</tool_call{s}>"
    )


ANSWERS = [
    Answer("hermes", "<tool_call> <think>", f"<think>\nHm.\n</think>\n\nI look.\n{HERMES}", TWO,
           "I look.", "Hm."),
    Answer("hermes", "<tool_call> </think>", f"Hm.\n</think>\n\n{HERMES}", TWO, "", "Hm.",
           "<think>\n"),
    Answer("generic", "nothing that is known", f"I look.\n{HERMES}", TWO, "I look."),
    Answer("generic", "nothing", '{"name": "weather", "parameters": ' + J + "}", TWO[:1]),
    Answer("llama-3", "<|python_tag|>", '{"name": "weather", "parameters": ' + J + "}", TWO[:1]),
    Answer("llama-3", "<|python_tag|>", '{"name": "weather", "parameters": ' + J + '}; {"name": '
           '"now", "parameters": {}}', TWO),
    Answer("llama-3", "<|python_tag|>", '<|python_tag|>weather.call(town="Oslo", days=3)',
           TWO[:1]),
    Answer("llama-3", "<|python_tag|>", '<|python_tag|>{"name": "now", "parameters": {}}',
           TWO[1:]),
    Answer("llama-4", "[func_name1(", "[weather(town='Oslo', days=3), now()]", TWO),
    Answer("mistral", "[TOOL_CALLS]", f"[TOOL_CALLS]{LIST}", TWO),
    Answer("mistral", "[TOOL_CALLS] [THINK]", "[THINK]Hm.[/THINK]I look.[TOOL_CALLS]weather[ARGS]"
           + J + "[TOOL_CALLS]now[ARGS]{}", TWO, "I look.", "Hm."),
    Answer("mistral", "[TOOL_CALLS]", "[TOOL_CALLS]weather[CALL_ID]abcdefghi[ARGS]" + J, TWO[:1]),
    Answer("command-r7b", "<|START_THINKING|> <|START_ACTION|>",
           '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", '
           '"tool_name": "weather", "parameters": ' + J + '},\n    {"tool_call_id": "1", '
           '"tool_name": "now", "parameters": {}}\n]<|END_ACTION|>', TWO, "", "Hm."),
    Answer("command-r7b", "<|START_THINKING|> <|START_ACTION|>", "<|START_THINKING|>Hm."
           "<|END_THINKING|><|START_RESPONSE|>Hello!<|END_RESPONSE|>", [], "Hello!", "Hm."),
    Answer("command-r", "Action: ```json <|CHATBOT_TOKEN|>", 'Action: ```json\n[\n    {\n        '
           '"tool_name": "weather",\n        "parameters": ' + J + "\n    }\n]\n```", TWO[:1]),
    Answer("deepseek", "<｜tool▁calls▁begin｜> <think>", "Hm.\n</think>\nI look."
           "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n" + J
           + "\n```"
           "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```"
           "<｜tool▁call▁end｜><｜tool▁calls▁end｜>", TWO, "I look.", "Hm.",
           "<think>\n"),
    Answer("deepseek", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁begin｜>"
           "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>" + J + "<｜tool▁call▁end｜>"
           "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}"
           "<｜tool▁call▁end｜><｜tool▁calls▁end｜>", TWO),
    Answer("deepseek-v3.2", "dsml_token DSML function_calls", "I look.\n\n"
           '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n'
           '<｜DSML｜parameter name="town" string="true">Oslo'
           '</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">3'
           '</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
           '<｜DSML｜invoke name="now">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
           TWO, "I look."),
    Answer("deepseek-v4", "dsml_token DSML tool_calls", "<｜DSML｜tool_calls>\n"
           + tagged("｜DSML｜") + "\n</｜DSML｜tool_calls>", TWO),
    Answer("functionary-v3.1", "<function= <|python_tag|>", "I look.<function=weather>" + J
           + "</function><function=now>{}</function>", TWO, "I look."),
    Answer("functionary-v3.2", ">>>all", "all\nI look.>>>weather\n" + J + ">>>now\n{}", TWO,
           "I look.", "", ">>>"),
    Answer("firefunction-v2", "functools[", f" functools{LIST}", TWO),
    Answer("granite-3", "<|tool_call|> <think>", f"<think>Hm.</think><|tool_call|>{LIST}", TWO,
           "", "Hm."),
    Answer("granite-3", "<|tool_call|> <think>", "<think>Hm.</think><response>Hello!</response>",
           [], "Hello!", "Hm."),
    Answer("phi-4-mini", "<|tool_call|> <|/tool_call|>", f"<|tool_call|>{LIST}<|/tool_call|>", TWO),
    Answer("gpt-oss", "<|channel|> <|message|>", "<|channel|>analysis<|message|>Hm.<|end|><|start|>"
           "assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant "
           "to=functions.weather<|channel|>commentary json<|message|>" + J + "<|call|>", TWO[:1],
           "I look.", "Hm.", "<|start|>assistant"),
    Answer("gpt-oss", "<|channel|> <|message|>", "<|channel|>commentary to=functions.now "
           "<|constrain|>json<|message|>{}", TWO[1:], "", "", "<|start|>assistant"),
    Answer("gpt-oss", "<|channel|> <|message|>", "<|channel|>analysis<|message|>Hm.<|end|><|start|>"
           "assistant<|channel|>final<|message|>Hello!", [], "Hello!", "Hm."),
    Answer("muse", "<atem:function_calls> <|eom|>", " to=self<|message|>Hm.<|eom|><|start|>"
           "assistant to=weather<|message|><atem:function_calls>\n" + tagged("atem:")
           + "\n</atem:function_calls><|eot|>", TWO, "", "Hm."),
    Answer("glm", "<tool_call> <arg_key> </think>", f"<think>Hm.</think>\nI look.\n{arg_keys()}",
           TWO, "I look.", "Hm."),
    Answer("hunyuan-v3", "'<think{}>' '<arg_key{}>'", "<think:opensource>Hm.</think:opensource>"
           f"<tool_calls:opensource>\n{arg_keys(':opensource')}\n</tool_calls:opensource>", TWO, "",
           "Hm."),
    Answer("qwen3-coder", "<tool_call> <function= <parameter=", "I look.\n\n"
           + xml("<tool_call>", "</tool_call>"), TWO, "I look."),
    Answer("qwen3-coder", "<tool_call> <function= <parameter=", xml("", "").strip(), TWO),
    Answer("seed-oss", "<seed:tool_call> <seed:think>", "<seed:think>Hm.</seed:think>\n"
           + xml("<seed:tool_call>", "</seed:tool_call>"), TWO, "", "Hm."),
    Answer("kimi-k2", "<|tool_calls_section_begin|>", "I look.<|tool_calls_section_begin|>"
           "<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>" + J
           + "<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}"
           "<|tool_call_end|><|tool_calls_section_end|>", TWO, "I look."),
    Answer("kimi-k3", "<|open|> <|end_of_msg|>", "Hm.<|close|>think<|sep|><|open|>response<|sep|>"
           "I look.<|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool=\"weather\" "
           'index="1"<|sep|><|open|>argument key="town" type="string"<|sep|>Oslo<|close|>argument'
           '<|sep|><|open|>argument key="days" type="number"<|sep|>3<|close|>argument<|sep|>'
           '<|close|>call<|sep|><|open|>call tool="now" index="2"<|sep|><|close|>call<|sep|>'
           "<|close|>tools<|sep|><|close|>message<|sep|>", TWO, "I look.", "Hm.",
           "<|open|>think<|sep|>"),
    Answer("minimax-m1", "<beginning_of_sentence> <tool_calls>", '<tool_calls>\n{"name": '
           '"weather", "arguments": ' + J + '}\n{"name": "now", "arguments": {}}\n</tool_calls>',
           TWO),
    Answer("minimax-m2", "<minimax:tool_call> <think>", "Hm.\n</think>\n\n<minimax:tool_call>\n"
           + tagged("") + "\n</minimax:tool_call>", TWO, "", "Hm.", "<think>\n"),
    Answer("minimax-m3", "]<]minimax[>[ <mm:think>", "<mm:think>Hm.</mm:think>]<]minimax[>["
           '<tool_call>\n]<]minimax[>[<invoke name="weather">]<]minimax[>[<town>Oslo]<]minimax[>['
           "</town>]<]minimax[>[<days>3]<]minimax[>[</days>]<]minimax[>[</invoke>\n]<]minimax[>["
           '<invoke name="now">]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>', TWO, "", "Hm."),
    Answer("apertus", "<|tools_prefix|>", 'I look.<|tools_prefix|>[{"weather": ' + J
           + '}, {"now": {}}]<|tools_suffix|>', TWO, "I look."),
    Answer("apriel", "<tool_calls>[ [BEGIN FINAL RESPONSE]", "Hm.\n[BEGIN FINAL RESPONSE]\nI look."
           f"\n<tool_calls>{LIST}</tool_calls>\n[END FINAL RESPONSE]", TWO, "I look.", "Hm.",
           "Here are my reasoning steps:\n"),
    Answer("nemotron-nano-v2", "<TOOLCALL> </think>", f"Hm.\n</think>\n<TOOLCALL>{LIST}</TOOLCALL>",
           TWO, "", "Hm.", "<think>\n"),
    Answer("gigachat-3", "<|role_sep|> <|message_sep|>", "I look.<|message_sep|>\n\nfunction call"
           '<|role_sep|>\n{"name": "weather", "arguments": ' + J + "}", TWO[:1], "I look."),
    Answer("gigachat-3.1", "<|role_sep|> <|function_call|>", 'I look.<|function_call|>{"name": '
           '"weather", "arguments": ' + J + "}", TWO[:1], "I look."),
    Answer("lfm2", "List of tools: [", "<|tool_call_start|>[weather(town='Oslo', days=3), now()]"
           "<|tool_call_end|>", TWO),
    Answer("gemma-4", "'<|tool_call>call:' <|channel>thought", "<|channel>thought\nHm.\n<channel|>"
           '<|tool_call>call:weather{town:<|"|>Oslo<|"|>,days:3}<tool_call|><|tool_call>call:now{}'
           "<tool_call|>", TWO, "", "Hm."),
    Answer("minicpm-5", '<function name=" <param name="', tagged("", "function", "param"), TWO),
    Answer("solar", "<|tool_call:begin|> <|think|>", "<|think|>Hm.<|end|><|begin|>assistant"
           "<|tool_calls|><|tool_call:begin|>abc<|tool_call:name|>weather<|tool_call:args|>" + J
           + "<|tool_call:end|><|tool_call:begin|>def<|tool_call:name|>now<|tool_call:args|>{}"
           "<|tool_call:end|><|calls|>", TWO, "", "Hm."),
    Answer("solar", "<|tool_call:begin|> <|think|>", "<|think|>Hm.<|end|><|begin|>assistant"
           "<|content|>Hello!<|end|>", [], "Hello!", "Hm."),
]  # fmt: skip
