"""Pre-tokenisers: how byte-level BPE cuts text into words, by `tokenizer.ggml.pre`.

One row a rule, with every name that llama.cpp gives it. The patterns are the published
regular expressions of the models' own tokenisers; llama.cpp's readers of them agree.
"""

from __future__ import annotations

import re
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
    pattern : str
        A regular expression in which `{L}`, `{N}` and `{S}` stand for the insides of classes
        of letters, numbers and white space.
    ignore_merges : bool
        A word that is a token as it is, is not merged from its bytes.
    add_bos : bool
        Whether a start token is added where the file does not say.
    """

    pattern: str
    ignore_merges: bool = False
    add_bos: bool = False

    def compile(self) -> re.Pattern[str]:
        return _compile(self.pattern)


_GPT2 = PreTokenizer(
    r"'(?:[stmd]|re|ve|ll)| ?[{L}]+| ?[{N}]+| ?[^{S}{L}{N}]+|[{S}]+(?![^{S}])|[{S}]+"
)
_LLAMA3 = PreTokenizer(
    r"'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n{L}{N}]?[{L}]+|[{N}]{{1,3}}"
    r"| ?[^{S}{L}{N}]+[\r\n]*|[{S}]*[\r\n]+|[{S}]+(?![^{S}])|[{S}]+",
    ignore_merges=True,
    add_bos=True,
)

_GPT2_NAMES = (
    "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0",
    "mellum", "modern-bert",
)  # fmt: skip
_LLAMA3_NAMES = (
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "jina-v5-nano",
)  # fmt: skip

PRETOKENIZERS: dict[str, PreTokenizer] = {
    **dict.fromkeys(_GPT2_NAMES, _GPT2),
    **dict.fromkeys(_LLAMA3_NAMES, _LLAMA3),
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


@lru_cache(maxsize=None)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.format(L=char_class("L"), N=char_class("N"), S=WHITESPACE))
