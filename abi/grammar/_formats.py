"""The `format` values that can be written exactly, as patterns.

Where a specification allows spellings without end or that validators refuse, a part of it is
given: at most nine digits of a second, no leap second, years from 0001, host names of up to
eight labels. What is matched is always valid.
"""

from __future__ import annotations

__all__ = ["FORMATS", "FREE_FORMATS"]

# Names that OpenAPI and Pydantic write beside a text of any kind.
FREE_FORMATS = frozenset({
    "binary", "directory-path", "file-path", "json-string", "password", "path",
})  # fmt: skip

_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    "(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP}-02-29)"
)
_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_AFTER_T = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DURATION = (
    f"P(?:[0-9]+W|{_AFTER_T}"
    f"|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:{_AFTER_T})?)"
)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H16 = "[0-9a-fA-F]{1,4}"
_LS32 = f"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = (
    f"(?:(?:{_H16}:){{6}}{_LS32}|::(?:{_H16}:){{5}}{_LS32}|(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}"
    + "".join(
        f"|(?:(?:{_H16}:){{0,{n}}}{_H16})?::{rest}"
        for n, rest in (
            (1, f"(?:{_H16}:){{3}}{_LS32}"),
            (2, f"(?:{_H16}:){{2}}{_LS32}"),
            (3, f"{_H16}:{_LS32}"),
            (4, _LS32),
            (5, _H16),
            (6, ""),
        )
    )
    + ")"
)
_ALNUM = "[A-Za-z0-9]"


def _host(longest: int, most: int) -> str:
    """Up to `most` labels of up to `longest` characters, the last begun by a letter."""
    inner = f"(?:[A-Za-z0-9-]{{0,{longest - 2}}}{_ALNUM})?"
    return rf"(?:{_ALNUM}{inner}\.){{0,{most - 1}}}[A-Za-z]{inner}"


_HOST = f"(?:{_host(63, 3)}|{_host(30, 8)})"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = rf"(?=[^@]{{1,64}}@){_ATOM}+(?:\.{_ATOM}+)*"
_PCT = "%[0-9a-fA-F]{2}"
_PCHAR = f"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_PCT})"
_NO_COLON = f"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|{_PCT})"
_REG_NAME = f"(?:[A-Za-z0-9._~!$&'()*+,;=-]|{_PCT})*"
_USER = f"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|{_PCT})*@)?"
_AUTHORITY = rf"{_USER}(?:\[{_IPV6}\]|{_REG_NAME})(?::[0-9]{{0,5}})?"
_ABEMPTY = f"(?:/{_PCHAR}*)*"
_ABSOLUTE = f"/(?:{_PCHAR}+{_ABEMPTY})?"
_TAIL = rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"
_URI = f"{_SCHEME}(?://{_AUTHORITY}{_ABEMPTY}|{_ABSOLUTE}|{_PCHAR}+{_ABEMPTY}|){_TAIL}"
_RELATIVE = f"(?://{_AUTHORITY}{_ABEMPTY}|{_ABSOLUTE}|{_NO_COLON}+{_ABEMPTY}|){_TAIL}"
_POINTER = "(?:/(?:[^/~]|~[01])*)*"

FORMATS: dict[str, str] = {
    name: f"^(?:{pattern})$"
    for name, pattern in {
        "date": _DATE,
        "time": _TIME,
        "date-time": f"{_DATE}T{_TIME}",
        "duration": _DURATION,
        "uuid": "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        # RFC 9562's versions, which Pydantic names, and RFC 4648's base64, which OpenAPI does.
        **{
            f"uuid{n}": f"[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-{n}[0-9a-fA-F]{{3}}-[89abAB]"
            "[0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
            for n in (1, 3, 4, 5, 6, 7, 8)
        },
        "byte": "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        "email": f"{_LOCAL}@{_HOST}",
        "hostname": _HOST,
        "ipv4": _IPV4,
        "ipv6": _IPV6,
        "uri": _URI,
        "uri-reference": f"(?:{_URI}|{_RELATIVE})",
        "json-pointer": _POINTER,
        "relative-json-pointer": f"(?:0|[1-9][0-9]*)(?:#|{_POINTER})",
    }.items()
}
