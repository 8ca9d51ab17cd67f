"""Which files of a repository a name means.

Without a quantisation: Q4_K_M, then Q8_0 (llama.cpp's order), then the only model there is.
llama.cpp then takes the first file of the list; here several models are an error that lists
them. Projectors, importance matrices and draft heads count as models only by their own path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from abi.errors import InputError
from abi.hub._name import Name

__all__ = ["RepoFile", "Variant", "choose", "human", "part_names", "variants"]

_DEFAULTS = ("Q4_K_M", "Q8_0")
_SIDE_FILES = re.compile(r"mmproj|imatrix|(?:mtp|eagle3|dflash|dspark)-", re.I)
_SPLIT = re.compile(r"(?P<stem>.*)-(?P<no>\d{5})-of-(?P<count>\d{5})\.gguf")
_LABEL = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q\d_\w+|TQ\d_\d|(?:MX|NV)FP4(?:_\w+)?|BF16|FP?(?:16|32)))"
    r"(?![A-Za-z0-9_])",
    re.I | re.A,
)
_MAX_PARTS = 1000
_MAX_SHOWN, _MAX_TEXT = 40, 200  # files in a message, and characters of each


@dataclass(frozen=True)
class RepoFile:
    """One file: `checksum` is "sha256:HEX", "git:HEX" (a blob's sha1) or ""."""

    path: str
    size: int | None
    checksum: str = ""
    etag: str = ""


@dataclass(frozen=True)
class Variant:
    """A model: one file, or the parts of a split one in order; `missing` parts are not there."""

    files: tuple[RepoFile, ...]
    missing: int = 0

    @property
    def size(self) -> int | None:
        """Bytes in all; None if one is not known."""
        total = 0
        for file in self.files:
            if file.size is None:
                return None
            total += file.size
        return total

    @property
    def label(self) -> str:
        """The quantisation as the file's name or else its folder has it, or ""."""
        found = _LABEL.findall(self.files[0].path.rpartition("/")[2])
        found = found or _LABEL.findall(self.files[0].path)
        return found[-1].upper() if found else ""


def human(size: int) -> str:
    """Bytes in the decimal units that the hub shows.

    Examples
    --------
    >>> from abi import hub
    >>> hub.human(4_081_004_224)
    '4.1 GB'
    """
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    digits = 0 if value >= 100 or units[0] == "B" else 1
    return f"{value:.{digits}f} {units[0]}"


def part_names(path: str) -> list[str]:
    """All parts of the split model that a path is of, in order; else the path alone."""
    match = _SPLIT.fullmatch(path)
    if match is None:
        return [path]
    count = int(match["count"])
    if not 1 <= int(match["no"]) <= count <= _MAX_PARTS:
        raise InputError(f"{path}: part {match['no']} of {count}; at most {_MAX_PARTS} are taken")
    return [f"{match['stem']}-{no + 1:05d}-of-{count:05d}.gguf" for no in range(count)]


def variants(files: list[RepoFile]) -> list[Variant]:
    """The models among files, split ones as one, in the order of their paths."""
    groups: dict[str, list[RepoFile]] = {}
    for file in sorted(files, key=lambda file: file.path):
        if file.path.lower().endswith(".gguf"):
            match = _SPLIT.fullmatch(file.path)
            first = f"{match['stem']}-00001-of-{match['count']}.gguf" if match else file.path
            groups.setdefault(first, []).append(file)
    found = []
    for first, parts in groups.items():
        match = _SPLIT.fullmatch(first)
        found.append(Variant(tuple(parts), int(match["count"]) - len(parts) if match else 0))
    return found


def choose(name: Name, files: list[RepoFile], where: str, *, whole: bool = True) -> Variant:
    """The one model that a name means; `where` is what the files are of, for messages.

    With `whole`, one that lacks parts of its files is an error too.

    Raises
    ------
    InputError
        If none or several fit; the message lists what there is.
    """
    everything = variants(files)
    if name.path:
        found = [v for v in everything if any(f.path == name.path for f in v.files)]
        if not found:
            raise InputError(f"{where} has no file {name.path}; {_listed(everything)}")
        return _whole(found[0], where) if whole else found[0]
    models = [v for v in everything if not _is_side_file(v)]
    for quant in (name.quant,) if name.quant else _DEFAULTS:
        found = _matching(models, quant)
        if len(found) > 1:
            paths = ", ".join(v.files[0].path[:_MAX_TEXT] for v in found[:_MAX_SHOWN])
            raise InputError(f"{where} has {len(found)} models of {quant}; name one: {paths}")
        if found:
            return _whole(found[0], where) if whole else found[0]
    if len(models) == 1 and not name.quant:
        return _whole(models[0], where) if whole else models[0]
    if models and not name.quant:
        first = models[0]
        cure = (
            f"name one, such as {name.repo}:{first.label}"
            if first.label
            else (f"name one, such as {name.repo}/{first.files[0].path[:_MAX_TEXT]}")
        )
        lacks = " or ".join(_DEFAULTS)
        raise InputError(f"{where} has no {lacks}; {_listed(models)}; {cure}")
    lacks = name.quant or "GGUF model"
    raise InputError(f"{where} has no {lacks}; {_listed(models)}")


def _is_side_file(variant: Variant) -> bool:
    return _SIDE_FILES.search(variant.files[0].path.rpartition("/")[2]) is not None


def _matching(models: list[Variant], quant: str) -> list[Variant]:
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(quant)}(?![A-Za-z0-9_])", re.I)
    paths = [v.files[0].path for v in models]
    found = [
        v for v, p in zip(models, paths, strict=True) if pattern.search(p.rpartition("/")[2])
    ] or [v for v, p in zip(models, paths, strict=True) if pattern.search(p)]
    # UD-Q4_K_M is another recipe than Q4_K_M and has to be asked for by its whole name.
    plain = [v for v in found if f"UD-{quant}" not in v.files[0].path.upper()]
    return plain if len(found) > 1 and plain else found


def _whole(variant: Variant, where: str) -> Variant:
    if variant.missing:
        path = variant.files[0].path
        raise InputError(f"{where} lacks parts of {path}: {variant.missing} are missing")
    return variant


def _listed(found: list[Variant]) -> str:
    if not found:
        return "it has no .gguf file that is a model"
    labels = [v.label for v in found]
    texts = [_shown(v, v.label if labels.count(v.label) == 1 else "") for v in found[:_MAX_SHOWN]]
    more = f" and {len(found) - _MAX_SHOWN} more" if len(found) > _MAX_SHOWN else ""
    return f"it has {', '.join(texts)}{more}"


def _shown(variant: Variant, label: str) -> str:
    size = "" if variant.size is None else f" ({human(variant.size)})"
    return f"{(label or variant.files[0].path)[:_MAX_TEXT]}{size}"
