"""A conversation: what was said, what applies to the next answer, and how answers are shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from abi.cli._common import Bar
from abi.cli._errors import say
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import ChatGeneration, Model
    from abi.grammar import Matcher

__all__ = ["Session", "Style"]

# A model's text may hold what a terminal would obey.
_OBEYED = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "�")


@dataclass(frozen=True)
class Style:
    """How an answer is written: `dim` and `plain` around reasoning, which else is left out."""

    out: TextIO
    terminal: bool = False
    dim: str = ""
    plain: str = ""

    @classmethod
    def of(cls, out: TextIO) -> Style:
        terminal = out.isatty()
        colors = terminal and not os.environ.get("NO_COLOR")
        return cls(out, terminal, "\x1b[2m" if colors else "", "\x1b[0m" if colors else "")

    def write(self, text: str) -> None:
        self.out.write(text.translate(_OBEYED) if self.terminal else text)
        self.out.flush()


class Session:
    """Messages and options, and the model that answers them."""

    def __init__(
        self,
        model: Model,
        template: str | None,
        variables: Mapping[str, Any],
        system: str | None,
        options: Mapping[str, Any],
        constraint: Matcher | None = None,
    ) -> None:
        from abi.generate import chat_template

        chat_template(model, template)  # without one no word need be typed
        self.model, self.template, self.system = model, template, system
        self.variables, self.options = dict(variables), dict(options)
        self._constraint = constraint
        self.messages: list[dict[str, Any]] = []

    def ask(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def undo(self) -> None:
        """Take the last question and its answer back.

        Raises
        ------
        InputError
            If nothing was said yet.
        """
        self.retry()
        self.messages.pop()

    def retry(self) -> None:
        """Take the last answer back.

        Raises
        ------
        InputError
            If nothing was said yet.
        """
        while self.messages and self.messages[-1]["role"] != "user":
            self.messages.pop()
        if not self.messages:
            raise InputError("nothing was said yet")

    def answer(self, style: Style | None, *, keeps: bool) -> ChatGeneration:
        """The next answer, shown as it comes if there is a style.

        Ctrl-C ends it; with `keeps` what was written until then is kept. A question that cannot
        be answered is forgotten.
        """
        asked = self.messages.pop()
        head = [{"role": "system", "content": self.system}] if self.system else []
        with Bar("prompt", "tok") as bar:
            generation: Any = self.model.chat(
                [*head, *self.messages, asked], stream=True, template=self.template,
                template_kwargs=self.variables, progress=bar.update,
                constraint=None if self._constraint is None else self._constraint.copy(),
                **self.options,
            )  # fmt: skip
            try:
                _show(generation, style)
            except KeyboardInterrupt:
                if not keeps:
                    raise
                generation.cancel()
                generation.close()
                generation.finish_reason = "cancelled"
                say("(stopped)")
        self.messages += [asked, generation.message.to_dict()]
        return generation  # type: ignore[no-any-return]


def _show(generation: ChatGeneration, style: Style | None) -> None:
    if style is None:
        generation.read()
        return
    thinking = False
    try:
        for delta in generation.deltas():
            if style.terminal and bool(delta.reasoning) != thinking:
                thinking = not thinking
                style.out.write(style.dim if thinking else f"{style.plain}\n\n")
            if delta.content or (style.terminal and delta.reasoning):
                style.write(delta.content or delta.reasoning)
    finally:
        style.out.write(f"{style.plain if thinking else ''}\n")
        style.out.flush()
