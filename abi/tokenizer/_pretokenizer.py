"""Pre-tokenisers: how byte-level BPE cuts text into words, by `tokenizer.ggml.pre`.

One row a rule, with every name that llama.cpp gives it. The patterns are the published
regular expressions of the models' own tokenisers; llama.cpp's readers of them agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from abi.errors import FormatError, UnsupportedError
from abi.tokenizer._unicode import WHITESPACE, char_class

__all__ = ["PRETOKENIZERS", "PreTokenizer", "pretokenizer"]


@dataclass(frozen=True)
class PreTokenizer:
    """How one family cuts words.

    Attributes
    ----------
    patterns : tuple of str
        Regular expressions in which `{L}`, `{N}`, `{M}`, `{P}` and `{S}` stand for the insides
        of classes of letters, numbers, marks, punctuation and white space. The first cuts the
        text, the next each piece of that, and so on; what matches nothing is a piece as well.
    ignore_merges : bool
        A word that is a token as it is, is not merged from its bytes.
    add_bos : bool
        Whether a start token is added where the file does not say.
    default_bos : bool
        Whether there is a start token where the file names none.
    """

    patterns: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False
    default_bos: bool = True

    def split(self, text: str) -> list[str]:
        """Words of a text; joined they are the text."""
        words = [text]
        for pattern in self.patterns:
            words = [piece for word in words for piece in _cut(_compile(pattern), word)]
        return words


_CONTRACTION = r"'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
_SPACES = r"|[{S}]*[\r\n]+|[{S}]+(?![^{S}])|[{S}]+"
_WORDS = r"|[^\r\n{L}{N}]?[{L}]+"
_SIGNS = r"| ?[^{S}{L}{N}]+[\r\n]*"

_GPT2 = r"'(?:[stmd]|re|ve|ll)| ?[{L}]+| ?[{N}]+| ?[^{S}{L}{N}]+|[{S}]+(?![^{S}])|[{S}]+"
_LLAMA3 = _CONTRACTION + _WORDS + r"|[{N}]{{1,3}}" + _SIGNS + _SPACES
_QWEN2 = _CONTRACTION + _WORDS + r"|[{N}]" + _SIGNS + _SPACES
_QWEN35 = _CONTRACTION + r"|[^\r\n{L}{N}]?[{L}{M}]+|[{N}]| ?[^{S}{L}{M}{N}]+[\r\n]*" + _SPACES
_UPPER, _LOWER = r"(?:(?=[{L}])[^a-z])", r"(?:(?=[{L}])[^A-Z])"
_CASED = rf"[^\r\n{{L}}{{N}}]?(?:{_UPPER}*{_LOWER}+%s|{_UPPER}+{_LOWER}*%s)"
_SLASHED = r"| ?[^{S}{L}{N}]+[\r\n/]*"
_TEKKEN = _CASED % ("", "") + r"|[{N}]" + _SLASHED + _SPACES
_GPT4O = (
    _CASED % (f"(?:{_CONTRACTION})?", f"(?:{_CONTRACTION})?")
    + r"|[{N}]{{1,3}}"
    + _SLASHED
    + _SPACES
)

_ROWS: tuple[tuple[str, PreTokenizer], ...] = (
    (
        "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert "
        "mpt olmo jais trillion granite-docling exaone4",
        PreTokenizer((_GPT2,)),
    ),
    (
        "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
        PreTokenizer((r"[{N}]", _GPT2)),
    ),
    ("falcon", PreTokenizer((r"[{P}$+<=>^~|`]+", _GPT2, r"[0-9][0-9][0-9]"))),
    ("default", PreTokenizer((r"[{P}$+<=>^~|]+", _GPT2, r"[{N}]+", r"[0-9][0-9][0-9]"))),
    (
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
        PreTokenizer((_LLAMA3,), ignore_merges=True, add_bos=True),
    ),
    ("dbrx smaug-bpe", PreTokenizer((_LLAMA3,))),
    ("chatglm-bpe", PreTokenizer((_LLAMA3,), default_bos=False)),
    ("glm4 glm5", PreTokenizer((_LLAMA3,), ignore_merges=True, default_bos=False)),
    (
        "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 hunyuan solar-open megrez grok-2",
        PreTokenizer((_QWEN2,)),
    ),
    ("qwen35", PreTokenizer((_QWEN35,))),
    ("tekken", PreTokenizer((_TEKKEN,), ignore_merges=True, add_bos=True)),
    ("gpt-4o llama4 kanana2 talkie minimax-m2", PreTokenizer((_GPT4O,))),
)

PRETOKENIZERS: dict[str, PreTokenizer] = {
    name: rule for names, rule in _ROWS for name in names.split()
}


def pretokenizer(name: object) -> PreTokenizer:
    """The rule of that name.

    Raises
    ------
    FormatError
        If the file names none.
    UnsupportedError
        If the name is unknown; there is no silent default.
    """
    key, known = "tokenizer.ggml.pre", ", ".join(PRETOKENIZERS)
    cure = f"pass tokenizer_pre= to choose one of {known}"
    if name is None:
        raise FormatError(f"the file names no pre-tokeniser; {cure}", field=key)
    if not isinstance(name, str) or name not in PRETOKENIZERS:
        raise UnsupportedError(f"{key}: unknown pre-tokeniser {name!r}; {cure}")
    return PRETOKENIZERS[name]


def _cut(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Matches, and what lies between them."""
    end = 0
    for match in pattern.finditer(text):
        start, stop = match.span()
        if start > end:
            yield text[end:start]
        if stop > start:
            yield text[start:stop]
        end = stop
    if end < len(text):
        yield text[end:]


@lru_cache(maxsize=None)
def _compile(pattern: str) -> re.Pattern[str]:
    classes = {name: char_class(name) for name in "LNMP" if f"{{{name}}}" in pattern}
    return re.compile(pattern.format(S=WHITESPACE, **classes))
