"""The Jinja2 environment of chat templates: what transformers gives them, within a budget.

The reference is the environment of transformers' `apply_chat_template`: an immutable sandbox
with trimmed blocks, loop controls, `{% generation %}`, `tojson`, `raise_exception` and
`strftime_now`. Here methods are a list of allowed names, growth is charged before it happens
(`abi.chat._growth`), and lists that a template holds may be appended to and popped from, which
templates of Kimi do: they are copies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache, wraps
from types import FunctionType
from typing import Any

from jinja2 import Environment, Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.filters import FILTERS
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import SandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Cycler, Joiner, Namespace

from abi.chat._budget import current
from abi.chat._growth import FILTER_GROWTH, METHOD_GROWTH, binary_growth, listed
from abi.chat._meter import HOOKS, meter

__all__ = ["Refused", "compiled", "undeclared"]

_METHODS: tuple[tuple[type, frozenset[str]], ...] = (
    (str, frozenset(METHOD_GROWTH)),
    (dict, frozenset({"get", "items", "keys", "values"})),
    (list, frozenset({"append", "count", "index", "pop"})),
    (tuple, frozenset({"count", "index"})),
    (LoopContext, frozenset({
        "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length",
        "nextitem", "previtem", "revindex", "revindex0",
    })),
    (Cycler, frozenset({"current", "next", "reset"})),
    (Macro, frozenset({"arguments", "name"})),
)  # fmt: skip
# Left out because nothing bounds their time, or because their result is chance.
_NO_FILTERS = {"attr", "pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"}
_DEEP_FILTERS = {
    "dictsort", "e", "escape", "filesizeformat", "forceescape", "format", "groupby", "join",
    "max", "min", "replace", "sort", "string", "sum", "tojson", "unique", "urlencode",
}  # fmt: skip
# What reads no more of its first operand than its items.
_SHALLOW_FILTERS = {
    "batch", "count", "d", "default", "first", "items", "last", "length", "list", "map", "reject",
    "rejectattr", "reverse", "select", "selectattr", "slice",
}  # fmt: skip
_FILLING = {"batch", "slice"}  # filters that make lists of their own
_PASSED = (Environment, Context, nodes.EvalContext)
_MAX_PATTERN = 200  # characters of a strftime pattern


class Refused(TemplateError):  # noqa: N818 - on purpose
    """A template's own `raise_exception`."""


class _Generation(Extension):
    """`{% generation %}` marks what the assistant wrote; rendering passes it through."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller: Callable[[], str]) -> str:
        return caller()


class _Namespace(Namespace):
    """Without names that begin with an underscore."""

    def __setitem__(self, name: str, value: Any) -> None:
        _public(name)
        Namespace.__setitem__(self, name, value)


def _namespace(*args: Any, **kwargs: Any) -> _Namespace:
    values = _dict(*args, **kwargs)
    for name in values:
        _public(name)
    return _Namespace(values)


def _public(name: Any) -> None:
    if not isinstance(name, str) or name.startswith("_"):
        shown = repr(name[:60]) if isinstance(name, str) else f"of type {type(name).__name__}"
        raise SecurityError(f"a namespace takes no name {shown}")


class _Sandbox(SandboxedEnvironment):
    """Attributes by allow-list; calls, operators, filters and tests within the budget."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False,
            extensions=[_Generation, "jinja2.ext.loopcontrols"],
        )  # fmt: skip
        filters: dict[str, Any] = {**FILTERS, "tojson": _to_json, "sum": _sum}
        tests: dict[str, Any] = dict(TESTS)
        self.filters = {
            name: _metered(filter_, name) for name, filter_ in filters.items()
            if name not in _NO_FILTERS
        }  # fmt: skip
        self.tests = {name: _metered(test, None) for name, test in tests.items()}
        self.globals = {
            "range": self.globals["range"], "dict": _dict, "namespace": _namespace,
            "cycler": Cycler, "joiner": Joiner,
            "raise_exception": _refuse, "strftime_now": _now,
        }  # fmt: skip
        for name, hook in HOOKS.items():
            setattr(self, name, hook)
        self._hooks = frozenset(HOOKS.values())

    def getattr(self, obj: Any, attribute: str) -> Any:
        current().step()
        names = next((names for kind, names in _METHODS if isinstance(obj, kind)), frozenset())
        if attribute in names:
            value = getattr(obj, attribute)
            return self.wrap_str_format(value) or value
        if isinstance(obj, Namespace) and not attribute.startswith("_"):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        try:
            return obj[attribute]  # an undefined value says so here
        except (TypeError, LookupError):
            if hasattr(type(obj), attribute):
                return self.unsafe_undefined(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        current().step()
        if not isinstance(argument, str):
            current().weigh(argument)  # it is hashed, or printed where it is undefined
        try:
            return obj[argument]
        except (TypeError, LookupError):
            if isinstance(argument, str):
                return self.getattr(obj, str(argument))
        return self.undefined(obj=obj, name=argument)

    def call(
        __self, __context: Context, __obj: Any, *args: Any, **kwargs: Any  # noqa: N805
    ) -> Any:  # fmt: skip
        if type(__obj) is FunctionType and __obj in __self._hooks:
            return __obj(*args)
        budget = current()
        budget.step()
        owner = getattr(getattr(__obj, "__wrapped__", __obj), "__self__", None)
        if not isinstance(__obj, Macro):
            args = tuple(listed(budget, a) if isinstance(a, Iterator) else a for a in args)
        if not isinstance(__obj, Macro) or __obj.catch_varargs or __obj.catch_kwargs:
            budget.cells(len(args) + len(kwargs))
            budget.hold([*args, *kwargs.values()])
        if isinstance(owner, str | list | tuple | dict | LoopContext):
            for value in (*args, *kwargs.values()):
                budget.weigh(value, copies=int(isinstance(owner, list)))
            if isinstance(owner, str):
                args = METHOD_GROWTH[__obj.__name__](budget, owner, args, kwargs)
            elif isinstance(owner, list | tuple) and __obj.__name__ in ("count", "index"):
                budget.weigh(owner)
            elif isinstance(owner, list):
                budget.cells(1 + len(owner) // 64)
        return budget.made(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        binary_growth(current(), operator, left, right)
        return super().call_binop(context, operator, left, right)


def _metered(function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """A filter, or a test (None), that charges what it reads, what it will make, and what it made.

    Filters that are not known to read less are taken to write all of a list that they are given.
    """
    deep, growth = name is None or name in _DEEP_FILTERS, FILTER_GROWTH.get(name or "")
    shallow, fills = name in _SHALLOW_FILTERS, name in _FILLING

    @wraps(function)
    def metered(*args: Any, **kwargs: Any) -> Any:
        budget = current()
        budget.step()
        values = [a for a in args if not isinstance(a, _PASSED)]
        if deep:
            args = tuple(listed(budget, a) if isinstance(a, Iterator) else a for a in args)
            values = [a for a in args if not isinstance(a, _PASSED)]
        text = bool(values) and isinstance(values[0], str)
        for value in (*values[int(shallow or (text and not deep)) :], *kwargs.values()):
            budget.weigh(value, copies=int(deep or not shallow))
        for value in (*values[1:], *kwargs.values()):
            if isinstance(value, str):  # it may name attributes, and is taken apart
                budget.cells(4 * (value.count(".") + value.count(",")))
        if growth is not None:
            growth(budget, values, kwargs)
        result = function(*args, **kwargs)
        return _rounds(result, fills) if isinstance(result, Iterator) else budget.made(result)

    return metered


def _rounds(items: Iterator[Any], fills: bool) -> Iterator[Any]:
    """What is filtered one by one, each charged."""
    for item in items:
        current().step()
        yield current().hold(item) if fills else item


def _refuse(message: Any) -> None:
    raise Refused(str(current().weigh(message, copies=1)))


def _now(pattern: str) -> str:
    if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN:
        raise SecurityError(f"strftime_now takes a pattern of at most {_MAX_PATTERN} characters")
    return datetime.now().strftime(pattern)


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    for value in args:  # keys are hashed
        current().weigh(value)
    return dict(*args, **kwargs)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _sum(iterable: Any, attribute: Any = None, start: Any = 0) -> Any:
    """Of numbers: lists would be copied at each step."""
    total = start
    for item in iterable:
        current().step()
        value = item if attribute is None else item[attribute]
        if not isinstance(value, int | float):
            raise TypeError(f"sum takes numbers, got {type(value).__name__}")
        total = total + current().weigh(value)
    return total


@lru_cache(maxsize=1)
def _environment() -> _Sandbox:
    return _Sandbox()


@lru_cache(maxsize=16)
def compiled(source: str) -> Template:
    """The template, metered; compiled once for each source."""
    environment = _environment()
    tree = meter(environment.parse(source), environment)
    code = environment.compile(tree)
    return Template.from_code(environment, code, environment.make_globals(None))


@lru_cache(maxsize=16)
def undeclared(source: str) -> frozenset[str]:
    """Names that the template takes from outside, those of the environment left out."""
    environment = _environment()
    found = meta.find_undeclared_variables(environment.parse(source))
    return frozenset(found) - environment.globals.keys()
