"""Chat templates: the model's own or an error."""

from __future__ import annotations

import io
from typing import Any

import pytest

import abi
from abi.errors import FormatError, InputError
from abi.generate import Generation, render_chat
from abi.gguf import read, write
from tests.synthetic import LlamaShape, llama_bytes

HI = [{"role": "user", "content": "Hi"}]


def with_template(template: str) -> abi.Model:
    file = read(llama_bytes(LlamaShape()))
    out = io.BytesIO()
    metadata = {**file.metadata, "tokenizer.chat_template": template}
    write(out, metadata, list(file.tensors.values()))
    return abi.load(out.getvalue(), kernels="numpy")


def test_blocks_leave_no_lines_behind() -> None:
    template = "{% for m in messages %}\n[{{ m.role }}] {{ m.content }}\n{% endfor %}\n"
    template += "{% if add_generation_prompt %}[assistant]{% endif %}"
    assert render_chat(template, HI) == "[user] Hi\n[assistant]"
    assert render_chat(template, HI, add_generation_prompt=False) == "[user] Hi\n"


def test_the_functions_templates_use() -> None:
    assert render_chat("{{ messages | tojson }}", [{"role": "ü"}]) == '[{"role": "ü"}]'
    assert render_chat("{{ strftime_now('%Y') | length }}", HI) == "4"
    assert render_chat("{% for m in messages %}{% break %}x{% endfor %}", HI) == ""


def test_a_template_may_refuse() -> None:
    with pytest.raises(InputError, match="refuses these messages: only one"):
        render_chat("{{ raise_exception('only one') }}", HI)


def test_a_template_that_is_not_jinja_is_refused() -> None:
    with pytest.raises(FormatError, match=r"tokenizer\.chat_template: line 1: "):
        render_chat("{% for %}", HI)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{% set _ = messages.append(1) %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 1 / 0 }}",
        "{{ none.x.y }}",
    ],
)
def test_hostile_templates_get_nowhere(attack: str) -> None:
    with pytest.raises(InputError, match="cannot render"):
        render_chat(attack, HI)


def test_a_model_answers_by_its_template() -> None:
    model = with_template("{{ bos_token }}{{ messages[0].content }}")
    generation: Any = model.chat(HI, stream=True, max_tokens=3, temperature=0)
    assert isinstance(generation, Generation)
    assert generation.prompt_tokens == model.tokenizer.encode("Hi")  # one start token, not two
    answer = model.chat(HI, max_tokens=3, temperature=0)
    assert answer == generation.read()


def test_a_model_without_template_is_an_error() -> None:
    with pytest.raises(InputError, match="the model has no chat template"):
        abi.load().chat(HI)
