"""Fuzz chat templates.

Invariant: any text as a template gives a string, `FormatError` or `InputError`.
"""

import sys

import atheris

with atheris.instrument_imports(include=["abi.generate._chat"]):
    from abi.errors import FormatError, InputError
    from abi.generate._chat import render_chat

MESSAGES = [{"role": "user", "content": "Hi"}]


def one_input(data: bytes) -> None:
    template = data.decode("utf-8", "replace")
    if "**" in template or "range" in template or "*" in template:
        return  # the sandbox bounds neither powers nor repetition: time, not a wrong answer
    try:
        assert isinstance(render_chat(template, MESSAGES, bos_token="<s>"), str)
    except (FormatError, InputError):
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
