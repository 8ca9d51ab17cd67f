"""Stories for the tiny model, drawn from the grammar in ``stories.txt``.

The grammar is the project's own. A draw fixes the people, the place and the things of one
story, then expands one plot with them, so that names, pronouns and objects stay the same to
the end. A share of the (hero, friend, plot) triples is held out whole: validation stories
tell of companies the model has never met in that plot.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Grammar", "Story", "load_grammar", "stories", "surprise"]

GRAMMAR_PATH = Path(__file__).with_name("stories.txt")
HELD_OUT_ONE_IN = 25

_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SENTENCE = re.compile(r'((?:^|[.!?] |\." |(?<!\S)"(?!but )))([a-z])')
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])")
_PRONOUNS = {"girl": ("she", "her", "her"), "boy": ("he", "him", "his")}


@dataclass
class Grammar:
    """The rules, the kept rules' field names, and the plots of a grammar file."""

    rules: dict[str, list[str]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    plots: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """One story and what it is about."""

    text: str
    plot: str
    hero: str
    friend: str

    @property
    def held_out(self) -> bool:
        """Whether the story's (hero, friend, plot) triple belongs to the validation split."""
        key = f"{self.hero}/{self.friend}/{self.plot}".encode()
        return zlib.crc32(key) % HELD_OUT_ONE_IN == 0


def load_grammar(path: Path = GRAMMAR_PATH) -> Grammar:
    """Parse a grammar file.

    Parameters
    ----------
    path : Path
        A file in the format described at the head of ``stories.txt``.

    Returns
    -------
    Grammar
        Its rules and plots, in file order.
    """
    grammar = Grammar()
    lines: list[str] = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("+"):
            lines = grammar.plots.setdefault(line[1:], [])
        elif line.startswith(":"):
            lines = _open_rule(grammar, line[1:].split())
        elif line:
            lines.append(line)
    return grammar


def _open_rule(grammar: Grammar, names: list[str]) -> list[str]:
    name = names[0].rstrip("*")
    if names[0].endswith("*"):
        for each in (name, *names[1:]):
            grammar.kept[each] = [name, *names[1:]]
    return grammar.rules.setdefault(name, [])


class _Teller:
    """The state of one story being told: what has been chosen so far."""

    def __init__(self, grammar: Grammar, rng: random.Random) -> None:
        self.grammar = grammar
        self.rng = rng
        self.chosen: dict[str, str] = {}
        hero, friend = rng.sample(grammar.rules["girls"] + grammar.rules["boys"], 2)
        animals = rng.sample(grammar.rules["animals"], 2)
        self._person("hero", "", "kind", hero, animals[0])
        self._person("friend", "f", "fkind", friend, animals[1])

    def _person(self, role: str, prefix: str, kind: str, name: str, animal: str) -> None:
        sex = "girl" if name in self.grammar.rules["girls"] else "boy"
        pronouns = zip(("he", "him", "his"), _PRONOUNS[sex], strict=True)
        self.chosen |= {prefix + slot: word for slot, word in pronouns}
        human = self.rng.random() < 0.5
        self.chosen |= {role: name, kind: sex if human else animal}
        self.chosen[prefix + "title"] = "" if human else f" the {animal}"

    def expand(self, text: str) -> str:
        """Fill every slot and settle every choice of a template."""
        while match := _CHOICE.search(text):
            picked = self.rng.choice(match[1].split("|"))
            text = text[: match.start()] + picked + text[match.end() :]
        return _SLOT.sub(self._slot, text)

    def _slot(self, match: re.Match[str]) -> str:
        name = match[1]
        lower = name[0].lower() + name[1:]
        value = self._value(lower)
        return value[0].upper() + value[1:] if name != lower and value else value

    def _value(self, name: str) -> str:
        if name in self.chosen:
            return self.expand(self.chosen[name])
        fields = self.grammar.kept.get(name)
        if fields is None:
            return self.expand(self.rng.choice(self.grammar.rules[name]))
        record = self.rng.choice(self.grammar.rules[fields[0]]).split(" / ")
        self.chosen |= zip(fields, map(self.expand, record), strict=True)
        return self.chosen[name]


def _tidy(text: str) -> str:
    text = re.sub(r" +", " ", text).strip()
    text = _SENTENCE.sub(lambda m: m[1] + m[2].upper(), text)
    return _ARTICLE.sub(r"\1n ", text)


def tell(grammar: Grammar, rng: random.Random) -> Story:
    """Draw one story."""
    teller = _Teller(grammar, rng)
    plot = rng.choice(list(grammar.plots))
    beats = ["{open}", "[{trait}|]", *grammar.plots[plot]]
    text = _tidy(" ".join(map(teller.expand, beats)))
    return Story(text, plot, teller.chosen["hero"], teller.chosen["friend"])


def stories(seed: int, held_out: bool = False) -> Iterator[Story]:
    """Yield an endless, reproducible run of stories of one split.

    Parameters
    ----------
    seed : int
        The run's seed; the same seed gives the same stories.
    held_out : bool
        Whether to yield the validation split instead of the training split.

    Examples
    --------
    >>> next(stories(0)).text == next(stories(0)).text
    True
    """
    grammar, rng = load_grammar(), random.Random(seed)
    while True:
        story = tell(grammar, rng)
        if story.held_out == held_out:
            yield story


class _Counting(random.Random):
    """A source that adds up the surprise, in nats, of what it chose."""

    nats = 0.0

    def choice(self, seq: Any) -> Any:
        self.nats += math.log(len(seq))
        return super().choice(seq)


def surprise(seed: int, count: int) -> float:
    """Return an upper bound of the grammar's entropy, in nats a story, from ``count`` draws.

    It is a bound, not the entropy: two ways to draw the same text are counted as two.
    """
    grammar, rng = load_grammar(), _Counting(seed)
    for _ in range(count):
        tell(grammar, rng)
    names = len(grammar.rules["girls"] + grammar.rules["boys"])
    animals = len(grammar.rules["animals"])
    people = math.log(names * (names - 1) * animals * (animals - 1) * 4)  # 4: animal or child
    return rng.nats / count + people


if __name__ == "__main__":
    for _, sample in zip(range(5), stories(1), strict=False):
        print(f"[{sample.plot}] {sample.text}\n")
