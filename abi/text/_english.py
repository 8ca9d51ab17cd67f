"""The stem of an English word: Porter2, the Snowball project's English stemmer, of version 3.

After its description at https://snowballstem.org/algorithms/english/stemmer.html, whose terms are
used here: a *short syllable*, the regions *R1* and *R2* (here where they begin), and steps by
their numbers. `Y` is a y that is no vowel. A stem need not be a word: "happy" and "happiness"
give "happi".
"""

from __future__ import annotations

import re

__all__ = ["stem"]

_SPECIAL = {
    "skies": "sky",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
    **{word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")},
}
_VOWELS = frozenset("aeiouy")
_VOWEL = re.compile("[aeiouy]")
_PREFIX = re.compile("gener|commun|arsen|past|univers|later|emerg|organ|inter")
_REGION = re.compile("[aeiouy][^aeiouy]")
_SHORT_SYLLABLE = re.compile("(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|past)$")
_DOUBLE = re.compile("(bb|dd|ff|gg|mm|nn|pp|rr|tt)$")
_POSSESSIVE = re.compile("(?:'s'|'s|')$")
_VERBAL = re.compile("(?:eedly|ingly|edly|eed|ing|ed)$")
_NOT_VERBS = frozenset({"inn", "out", "cann", "herr", "earr", "even"})
_NOT_PAST = frozenset({"proc", "exc", "succ"})

_STEP_2 = {
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "abli": "able",
    "entli": "ent",
    "izer": "ize",
    "ization": "ize",
    "ational": "ate",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "aliti": "al",
    "alli": "al",
    "fulness": "ful",
    "ousli": "ous",
    "ousness": "ous",
    "iveness": "ive",
    "iviti": "ive",
    "biliti": "ble",
    "bli": "ble",
    "ogist": "og",
    "ogi": "og",
    "fulli": "ful",
    "lessli": "less",
    "li": "",
}
_BEFORE = {"ogi": "l", "li": "cdeghkmnrt", "ion": "st"}  # what a suffix must follow
_STEP_3 = {
    "tional": "tion",
    "ational": "ate",
    "alize": "al",
    "icate": "ic",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
    "ative": "",
}
_STEP_4 = dict.fromkeys(
    (
        "al",
        "ance",
        "ence",
        "er",
        "ic",
        "able",
        "ible",
        "ant",
        "ement",
        "ment",
        "ent",
        "ism",
        "ate",
        "iti",
        "ous",
        "ive",
        "ize",
        "ion",
    ),
    "",
)


def stem(word: str) -> str:
    """The stem of a word.

    Parameters
    ----------
    word : str
        In lower case; apostrophes are straight. Other letters than English ones are consonants.

    Examples
    --------
    >>> [stem(word) for word in ("searches", "searching", "relational", "dog's")]
    ['search', 'search', 'relat', 'dog']
    """
    if len(word) < 3:
        return word
    if word in _SPECIAL:
        return _SPECIAL[word]
    word = _mark(word.removeprefix("'"))
    r1, r2 = _regions(word)
    word = _step_1a(_POSSESSIVE.sub("", word, count=1))
    word = _step_1c(_step_1b(word, r1))
    word = _replace(word, _STEP_2, r1)
    word = _replace(word, _STEP_3, r1, r2)
    word = _replace(word, _STEP_4, r2)
    return _step_5(word, r1, r2).replace("Y", "y")


def _mark(word: str) -> str:
    """Write Y for each y that is no vowel: the first letter, and one after a vowel."""
    if "y" not in word:
        return word
    letters = list(word)
    for i, letter in enumerate(letters):
        if letter == "y" and (i == 0 or letters[i - 1] in _VOWELS):
            letters[i] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin."""
    first = _PREFIX.match(word) or _REGION.search(word)
    r1 = first.end() if first else len(word)
    second = _REGION.search(word, r1)
    return r1, second.end() if second else len(word)


def _step_1a(word: str) -> str:
    """Plurals."""
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _VOWEL.search(word[:-2]):
        return word[:-1]
    return word


def _step_1b(word: str, r1: int) -> str:
    """Past tenses and participles."""
    found = _VERBAL.search(word)
    if not found:
        return word
    suffix, left = found.group(), word[: found.start()]
    if suffix in ("eed", "eedly"):
        return left + "ee" if len(left) >= r1 and left not in _NOT_PAST else word
    if suffix == "ing":
        if len(left) == 2 and left[1] == "y" and left[0] not in _VOWELS:
            return left[0] + "ie"
        if left in _NOT_VERBS:
            return word
    return _mend(left, r1) if _VOWEL.search(left) else word


def _mend(word: str, r1: int) -> str:
    """Give a verb that lost its ending the form that it has without it."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _DOUBLE.search(word):
        return word if len(word) == 3 and word[0] in "aeo" else word[:-1]
    return word + "e" if r1 >= len(word) and _SHORT_SYLLABLE.search(word) else word


def _step_1c(word: str) -> str:
    """A y at the end, after a consonant."""
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        return word[:-1] + "i"
    return word


def _replace(word: str, suffixes: dict[str, str], region: int, r2: int = 0) -> str:
    """Replace the longest suffix, if it is in a region and what is before it fits."""
    for size in range(min(7, len(word)), 1, -1):
        suffix = word[-size:]
        if suffix in suffixes:
            left = word[:-size]
            needed = max(region, r2) if suffix == "ative" else region
            fits = suffix not in _BEFORE or (left and left[-1] in _BEFORE[suffix])
            return left + suffixes[suffix] if len(left) >= needed and fits else word
    return word


def _step_5(word: str, r1: int, r2: int) -> str:
    """An e or a second l at the end."""
    left = word[:-1]
    if word.endswith("e"):
        in_r1 = len(left) >= r1 and not _SHORT_SYLLABLE.search(left)
        return left if len(left) >= r2 or in_r1 else word
    return left if word.endswith("ll") and len(left) >= r2 else word
