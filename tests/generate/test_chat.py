"""Model.chat: the model's own template, and an answer in parts as it is generated."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import abi
from abi.chat import Delta, Message
from abi.errors import InputError
from abi.generate import ChatGeneration, Generation, chat_template
from abi.gguf import read, write
from tests.chat.formats import TOOLS
from tests.synthetic import LlamaShape, llama_bytes

HI = [{"role": "user", "content": "Hi"}]
PLAIN = "{{ bos_token }}{{ messages[0].content }}"
MARKED = "{{ tools }}{{ messages[0].content }}{# <think> [TOOL_CALLS] [ARGS] #}"
CONTROLS = ["[TOOL_CALLS]", "[ARGS]", "<other>"]


def with_template(template: str, **more: Any) -> abi.Model:
    """A random model; the last of its tokens are `CONTROLS`."""
    file = read(llama_bytes(LlamaShape()))
    metadata = {**file.metadata, "tokenizer.chat_template": template, **more}
    texts, kinds = list(metadata["tokenizer.ggml.tokens"]), metadata["tokenizer.ggml.token_type"]
    texts[-3:] = CONTROLS
    metadata["tokenizer.ggml.tokens"] = texts
    metadata["tokenizer.ggml.token_type"] = np.array([*kinds[:-3], 3, 3, 3], np.int32)
    out = io.BytesIO()
    write(out, metadata, list(file.tensors.values()))
    return abi.load(out.getvalue(), kernels="numpy")


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model that says what it is told to."""
    model = with_template(MARKED)

    def say(text: str) -> abi.Model:
        tokens = [*model.tokenizer.encode(text, add_special=False, parse_special=True), 2]

        def generate(ids: list[int], **_: Any) -> Generation:
            generation = Generation(prompt_tokens=ids)

            def pieces() -> Iterator[str]:
                for token in tokens:
                    generation.tokens.append(token)
                    if piece := model.tokenizer.piece(token, special=False).decode():
                        yield piece
                generation.finish_reason = "stop"

            generation._pieces = pieces()
            return generation

        monkeypatch.setattr(model, "generate", generate)
        return model

    return say


def test_a_model_answers_by_its_template() -> None:
    model = with_template(PLAIN)
    generation: Any = model.chat(HI, stream=True, max_tokens=3, temperature=0)
    assert isinstance(generation, ChatGeneration)
    assert generation.prompt == "<s>Hi"
    assert generation.prompt_tokens == model.tokenizer.encode("Hi")  # one start token, not two
    answer = model.chat(HI, max_tokens=3, temperature=0)
    assert answer == generation.read() == generation.text
    assert generation.finish_reason == "length"
    assert generation.timings.decode_tokens == 2
    assert model.chat(HI, max_tokens=3, temperature=0, structured=True) == Message(answer)


def test_a_model_without_template_is_an_error() -> None:
    with pytest.raises(InputError, match="the model has no chat template"):
        abi.load().chat(HI)


def test_a_template_of_ones_own_is_used_when_it_is_given() -> None:
    model = with_template("{{ raise_exception('never') }}")
    generation: Any = model.chat(HI, template="<{{ x }}>", template_kwargs={"x": 1}, stream=True)
    assert generation.prompt == "<1>"


def test_named_templates_of_a_file() -> None:
    model = with_template(PLAIN, **{"tokenizer.chat_template.tool_use": "{{ tools }}"})
    assert chat_template(model, tools=True).source == "{{ tools }}"
    assert chat_template(model).source == PLAIN
    assert chat_template(model, name="tool_use").source == "{{ tools }}"
    with pytest.raises(InputError, match="no chat template 'rag'; it has tool_use, default"):
        model.chat(HI, template_name="rag")


def test_what_a_template_would_leave_out_is_an_error() -> None:
    model = with_template(PLAIN)
    with pytest.raises(InputError, match="takes no tools"):
        model.chat(HI, tools=TOOLS)
    with pytest.raises(InputError, match="takes no enable_thinking"):
        model.chat(HI, template_kwargs={"enable_thinking": False})


def test_an_answer_comes_apart_as_it_is_generated(spoken: Any) -> None:
    model = spoken('<think>Hm.</think>I look.[TOOL_CALLS]weather[ARGS]{"town": "Oslo"}')
    deltas = list(model.chat(HI, tools=TOOLS, stream=True).deltas())
    assert "".join(d.reasoning for d in deltas) == "Hm."
    assert "".join(d.content for d in deltas) == "I look."
    (call,) = [d.tool_call for d in deltas if d.tool_call]
    assert (call.name, call.parsed) == ("weather", {"town": "Oslo"})
    assert all(isinstance(delta, Delta) for delta in deltas)


def test_iterating_gives_the_content_alone(spoken: Any) -> None:
    model = spoken("<think>Hm.</think>Yes, I do.")
    generation = model.chat(HI, stream=True)
    assert "".join(generation) == "Yes, I do."
    assert generation.text == " <think>Hm.</think>Yes, I do."
    assert generation.message == Message("Yes, I do.", "Hm.")
    assert model.chat(HI) == "Yes, I do."


def test_control_tokens_that_are_no_marks_stay_hidden(spoken: Any) -> None:
    assert spoken("a<other>b").chat(HI) == " a b"


def test_a_stop_string_ends_the_answer(spoken: Any) -> None:
    generation = spoken("one two three").chat(HI, stop="two", stream=True)
    assert generation.read() == " one "
    assert generation.finish_reason == "stop"
    assert spoken("one tw").chat(HI, stop=["two"]) == " one tw"
    with pytest.raises(InputError, match="stop=3: expected a text or a list of texts"):
        spoken("x").chat(HI, stop=3)


def test_an_answer_can_be_cancelled() -> None:
    generation: Any = with_template(PLAIN).chat(HI, stream=True, temperature=0)
    next(generation)
    generation.cancel()
    assert generation.read() == generation.message.content
    assert generation.finish_reason == "cancelled"
