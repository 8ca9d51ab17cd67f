"""Pre-tokenisers: how byte-level BPE cuts text into words, by `tokenizer.ggml.pre`.

One row a rule, with every name that llama.cpp gives it. The patterns are the published
regular expressions of the models' own tokenisers, as far as llama.cpp follows them.
"""

from __future__ import annotations

from dataclasses import dataclass

from abi.errors import FormatError, UnsupportedError
from abi.tokenizer._split import DIGITS_FROM_THE_RIGHT, THREES_FROM_THE_RIGHT, split

__all__ = ["PRETOKENIZERS", "PreTokenizer", "pretokenizer"]


@dataclass(frozen=True)
class PreTokenizer:
    r"""How one family cuts words, and what else its name decides.

    Attributes
    ----------
    patterns : tuple of str
        Regular expressions with `\p{L}` for letters and so on. The first cuts the text, the
        next each piece of that, and so on; what matches nothing is a piece as well.
    ignore_merges : bool
        A word that is a token as it is, is not merged from its bytes.
    add_bos : bool
        Whether a start token is added where the file does not say.
    default_bos : bool
        Whether there is a start token where the file names none.
    clean_spaces : bool
        Whether `Tokenizer.detokenize` takes spaces before punctuation out.
    byte_encode : bool
        Whether words are spelt in GPT-2's alphabet of bytes. Otherwise their characters are
        merged, and what has no token becomes tokens like `<0x0A>`.
    escape_spaces : bool
        Whether spaces become U+2581.
    always_bos : bool
        A start token is added whatever the file says.
    whole_newlines : bool
        A run of line feeds that is a token is not merged.
    add_sep : bool
        The default of `tokenizer.ggml.add_sep_token`.
    """

    patterns: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False
    default_bos: bool = True
    clean_spaces: bool = False
    byte_encode: bool = True
    escape_spaces: bool = False
    always_bos: bool = False
    whole_newlines: bool = False
    add_sep: bool = False

    def split(self, text: str) -> list[str]:
        """Words of a text; joined they are the text."""
        return split(text, self.patterns)


_CONTRACTION = r"'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
_NEWLINES, _BLANKS = r"|\s*[\r\n]+", r"|\s+(?!\S)|\s+"
_SPACES = _NEWLINES + _BLANKS
_WORDS = r"|[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
_SLASHED = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"

_GPT2 = r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+" + _BLANKS
_LLAMA3 = _CONTRACTION + _WORDS + r"|\p{N}{1,3}" + _SIGNS + _SPACES
_QWEN2 = _CONTRACTION + _WORDS + r"|\p{N}" + _SIGNS + _SPACES
_QWEN35 = (
    _CONTRACTION
    + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    + _SPACES
)
_JAIS2 = (
    _CONTRACTION + _WORDS + r"|\p{N}{1,3}" + _SIGNS + _NEWLINES
    + "".join(rf"|\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4))
    + r"|\s{1,2}(?!\S)|\s"
)  # fmt: skip


def _cased(marks: str, suffix: str) -> str:
    """Letters up to where capitals begin anew; only A-Z and a-z count as one case or the other."""
    upper, lower = rf"[\p{{L{marks}-az}}]", rf"[\p{{L{marks}-AZ}}]"
    lead = r"[^\r\n\p{L}\p{N}]?"
    return f"{lead}{upper}*{lower}+{suffix}|{lead}{upper}+{lower}*{suffix}"


_OR_CONTRACTION = f"(?:{_CONTRACTION})?"
_TEKKEN = _cased("", "") + r"|\p{N}" + _SLASHED + _SPACES
_GPT4O = _cased("", _OR_CONTRACTION) + r"|\p{N}{1,3}" + _SLASHED + _SPACES
_GRANITE = _cased("M", _OR_CONTRACTION) + r"|\p{N}{1,3}" + _SLASHED + _SPACES
# llama.cpp takes the categories of case (Lu, Ll and so on) for letters of any case.
_UNCASED = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+" + _OR_CONTRACTION
_TINY_AYA = _UNCASED + r"|\p{N}{1,3}" + _SLASHED + _SPACES
_YOUTU = _UNCASED + r"|\p{N}" + _SLASHED + _SPACES
_EXAONE_MOE = (
    _CONTRACTION
    + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
    + r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]"
    + _BLANKS
)
_KIMI = (
    r"\p{Han}+|[^\r\n\p{L}\p{N}]?\p{L-Han}+" + _OR_CONTRACTION + r"|\p{N}{1,3}" + _SIGNS + _SPACES
)
_MARKED = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+"
)
_DEEPSEEK3 = _MARKED + r"[\r\n]*" + _SPACES
_SPARK = _MARKED + r"|[\r\n]" + _BLANKS
_LINES = r"[^\n]+|\n+"
_BETWEEN_SIGNS = r" ?[^\s\p{list signs}]+"
_UP_TO_THREE = r"\p{N}{1,3}"

_DEEPSEEK_LLM = (
    r"[\r\n]",
    r"\s?\p{deepseek letters}+",
    r"\s?\p{deepseek signs}+",
    r"(?<!\s)\s+\Z",
    r"\p{deepseek east}+",
    r"\p{N}+",
)
_DEEPSEEK_CODER = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\p{deepseek east}+", r"\p{N}")
_CHAMELEON = (
    "<sentinel:[0-9]+>",
    "IMGIMG[A-I]{1,4}Z",
    r"[\t\n]|    |  ",
    r"\p{N}",
    r"[\p{P}!-/:-@\[-`{-~]",
    _GPT2,
)

_ROWS: tuple[tuple[str, PreTokenizer], ...] = (
    (
        "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert "
        "mpt olmo jais exaone4",
        PreTokenizer((_GPT2,), clean_spaces=True),
    ),
    ("trillion granite-docling", PreTokenizer((_GPT2,))),
    (
        "jina-v1-en jina-v2-code roberta-bpe",
        PreTokenizer((_GPT2,), clean_spaces=True, add_sep=True),
    ),
    (
        "starcoder refact codeshell exaone minerva-7b mellum2",
        PreTokenizer((r"\p{N}", _GPT2), clean_spaces=True),
    ),
    ("command-r smollm", PreTokenizer((r"\p{N}", _GPT2))),
    (
        "falcon",
        PreTokenizer((r"[\p{P}$+<=>^~|`]+", _GPT2, "[0-9][0-9][0-9]"), clean_spaces=True),
    ),
    (
        "default",
        PreTokenizer((r"[\p{P}$+<=>^~|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), clean_spaces=True),
    ),
    (
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
        PreTokenizer((_LLAMA3,), ignore_merges=True, add_bos=True, clean_spaces=True),
    ),
    ("dbrx smaug-bpe", PreTokenizer((_LLAMA3,), clean_spaces=True)),
    ("chatglm-bpe", PreTokenizer((_LLAMA3,), default_bos=False, clean_spaces=True)),
    (
        "glm4 glm5",
        PreTokenizer((_LLAMA3,), ignore_merges=True, default_bos=False, clean_spaces=True),
    ),
    ("jais-2", PreTokenizer((_JAIS2,), clean_spaces=True)),
    (
        "minicpm5",
        PreTokenizer(
            (_UP_TO_THREE, _CONTRACTION + _WORDS + r"|\p{N}+" + _SIGNS + _SPACES),
            ignore_merges=True,
            clean_spaces=True,
        ),
    ),
    (
        "qwen2 deepseek-r1-qwen kormo f2llmv2 hunyuan solar-open grok-2",
        PreTokenizer((_QWEN2,)),
    ),
    ("stablelm2 megrez", PreTokenizer((_QWEN2,), clean_spaces=True)),
    ("ufakzeka", PreTokenizer((_WORDS[1:] + r"|\p{N}" + _SIGNS + _SPACES,))),
    ("laguna", PreTokenizer((_LINES, _QWEN2))),
    (
        "seed-coder",
        PreTokenizer((_CONTRACTION + _WORDS + r"|\p{N}| ?[^\s\p{L}\p{N}\r\n]+" + _SPACES,)),
    ),
    (
        "bailingmoe bailingmoe2 llada-moe",
        PreTokenizer((_CONTRACTION + _WORDS + r"|\p{N}" + _SIGNS + r"|\s*[\r\n]" + _BLANKS,)),
    ),
    ("qwen35", PreTokenizer((_QWEN35,))),
    ("tekken", PreTokenizer((_TEKKEN,), ignore_merges=True, add_bos=True)),
    ("gpt-4o llama4 kanana2 talkie minimax-m2", PreTokenizer((_GPT4O,))),
    ("granite-embed-multi-97m", PreTokenizer((_GRANITE,), ignore_merges=True)),
    ("tiny_aya cohere2moe", PreTokenizer((DIGITS_FROM_THE_RIGHT, _TINY_AYA))),
    (
        "youtu",
        PreTokenizer(
            (r"\p{youtu hangul}+|\p{youtu signs}+|\p{bopomofo}+|\p{cjk}+", _YOUTU),
            ignore_merges=True,
        ),
    ),
    ("kimi-k2", PreTokenizer((_KIMI,))),
    ("exaone-moe", PreTokenizer((_EXAONE_MOE,), clean_spaces=True)),
    ("deepseek-llm", PreTokenizer(_DEEPSEEK_LLM)),
    ("deepseek-coder", PreTokenizer(_DEEPSEEK_CODER)),
    (
        "deepseek-v3 hunyuan-dense hy_v4 joyai-llm",
        PreTokenizer((_UP_TO_THREE, r"\p{cjk}+", _DEEPSEEK3)),
    ),
    ("spark2_5", PreTokenizer((_UP_TO_THREE, r"\p{cjk}+", _SPARK, r"\p{N}"))),
    ("afmoe", PreTokenizer((DIGITS_FROM_THE_RIGHT, r"\p{afmoe east}+", _DEEPSEEK3))),
    ("poro-chat", PreTokenizer((_BETWEEN_SIGNS,))),
    ("bloom gpt3-finnish", PreTokenizer((_BETWEEN_SIGNS,), clean_spaces=True)),
    ("viking", PreTokenizer((_BETWEEN_SIGNS, r"\p{N}"))),
    ("chameleon", PreTokenizer(_CHAMELEON, add_bos=True)),
    ("superbpe", PreTokenizer((r"\p{N}+", THREES_FROM_THE_RIGHT))),
    (
        "gemma4 granite-embed-multi-311m",
        PreTokenizer(
            (_LINES,),
            clean_spaces=True,
            byte_encode=False,
            escape_spaces=True,
            always_bos=True,
            whole_newlines=True,
        ),
    ),
    ("sarvam-moe", PreTokenizer((_LINES,), byte_encode=False, escape_spaces=True)),
    ("whitespace", PreTokenizer((r"\S+",), clean_spaces=True, byte_encode=False)),
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
    cure = f"pass tokenizer_pre= (--tokenizer-pre) to choose one of {known}"
    if name is None:
        raise FormatError(f"the file names no pre-tokeniser; {cure}", field=key)
    if not isinstance(name, str) or name not in PRETOKENIZERS:
        raise UnsupportedError(f"{key}: unknown pre-tokeniser {name!r}; {cure}")
    return PRETOKENIZERS[name]
