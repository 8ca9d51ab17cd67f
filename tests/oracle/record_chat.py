"""Record what transformers renders for the reference conversations.

    nox -s record_chat

Writes `tests/data/chat-renderings.json`: for each template of llama.cpp the digests of its
renderings, in the order of `CASES`, and "" where it refuses. The templates are not ours to ship.

A template that appends to a list of its own is refused by transformers' sandbox; there Jinja2's
`SandboxedEnvironment`, with the same functions, is the reference.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jinja2
import transformers
from jinja2.sandbox import SandboxedEnvironment
from transformers.utils import chat_template_utils

from tests.oracle.cases import DATA
from tests.oracle.conversations import CASES, Clock, digest, fetch, templates
from tests.oracle.vocabs import LLAMA_CPP_PYTHON


def main() -> None:
    chat_template_utils.datetime = Clock
    recorded: dict[str, Any] = {
        "transformers": transformers.__version__,
        "jinja2": jinja2.__version__,
        "llama-cpp-python": LLAMA_CPP_PYTHON,
        "templates": {},
    }
    for name, source in templates(fetch()):
        mutable = ".append(" in source
        recorded["templates"][name] = {
            "sha256": hashlib.sha256(source.encode()).hexdigest(),
            "reference": "jinja2" if mutable else "transformers",
            "renderings": [_rendered(source, case, mutable) for case in CASES],
        }
    text = json.dumps(recorded, indent=1).replace('",\n    "', '", "')
    (DATA / "chat-renderings.json").write_text(text + "\n")


def _rendered(source: str, case: dict[str, Any], mutable: bool) -> str:
    options = dict(case)
    messages = options.pop("messages")
    try:
        if mutable:
            return digest(_environment().from_string(source).render(**case, documents=None))
        render = chat_template_utils.render_jinja_template
        return digest(render([messages], chat_template=source, **options)[0][0])
    except Exception:  # its own way to refuse
        return ""


def _environment() -> SandboxedEnvironment:
    reference = chat_template_utils._compile_jinja_template("").environment
    mutable = SandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    mutable.filters, mutable.globals = reference.filters, reference.globals
    return mutable


if __name__ == "__main__":
    main()
