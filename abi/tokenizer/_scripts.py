"""Ranges of characters that some pre-tokenisers spell out instead of naming a category.

Insides of regex classes by name, from the published tokenisers. llama.cpp hides white space
outside ASCII from such ranges, so they leave it out.
"""

__all__ = ["SCRIPTS"]

SCRIPTS = {
    # deepseek-llm: letters with case
    "deepseek letters": (
        r"A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
        r"\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1"
        r"\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5"
        r"\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a"
        r"\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
        r"\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3"
        r"\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
        r"\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
        r"\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
        r"\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
        r"\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
        r"\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df"
        r"\U0001e900-\U0001e943"
    ),
    # deepseek-llm: punctuation, the full-width kind too
    "deepseek signs": r"!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002",
    # deepseek-llm and deepseek-coder: from U+0800 to the last Chinese character, and Hangul
    "deepseek east": (
        r"\u4e00-\u9fa5\u0800-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e"
        r"\u2060-\u2fff\u3001-\u4e00\uac00-\ud7ff"
    ),
    # Chinese characters, hiragana and katakana
    "cjk": r"\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff",
    # poro, bloom, viking: what words do not hold, beside white space
    "list signs": r"()|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c",
    # afmoe: scripts without spaces
    "afmoe east": (
        r"\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f"
        r"\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f"
        r"\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff"
    ),
    # youtu: Hangul
    "youtu hangul": r"\uac00-\ud7a3\u3131-\u318e",
    # youtu: punctuation
    "youtu signs": (
        r"\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f"
        r"\ufe30-\ufe4f"
    ),
    # youtu: bopomofo
    "bopomofo": r"\u3105-\u312f",
}
