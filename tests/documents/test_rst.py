"""reStructuredText: blocks with their lines, and inline markup; docutils as oracle of sections."""

from __future__ import annotations

import docutils.core
import docutils.nodes
import pytest

from abi.documents import read
from abi.documents._rst_inline import plain

from .show import shown


def test_sections_have_the_level_of_their_adornment() -> None:
    text = "=====\nTitle\n=====\n\nA\n=\n\nB\n~\n\nC\n=\n\nD\n~~~\n\ntext\n\n----\n\nmore\n"
    assert shown(text, "a.rst") == [
        ("heading", 1, 2, "Title"),
        ("heading", 2, 5, "A"),
        ("heading", 3, 8, "B"),
        ("heading", 2, 11, "C"),
        ("heading", 3, 14, "D"),
        ("paragraph", 0, 17, "text"),
        ("paragraph", 0, 21, "more"),
    ]


def test_levels_are_those_of_docutils() -> None:
    text = "A\n=\n\nB\n-\n\nC\n~\n\nD\n-\n\nE\n=\n\nF\n-\n"
    settings = {"doctitle_xform": False, "report_level": 5}
    tree = docutils.core.publish_doctree(text, settings_overrides=settings)
    wanted = [(str(one[0].astext()), _depth(one)) for one in tree.findall(docutils.nodes.section)]
    assert [(one[3], one[1]) for one in shown(text, "a.rst")] == wanted


def _depth(node: docutils.nodes.Node) -> int:
    depth = 0
    while not isinstance(node, docutils.nodes.document):
        node, depth = node.parent, depth + 1
    return depth


def test_literal_blocks() -> None:
    text = "See::\n\n   a\n\n     b\n\n::\n\n  c\n\nQuoted ::\n\n> d\n> e\n\n>>> f\ng\n"
    assert shown(text, "a.rst") == [
        ("paragraph", 0, 1, "See:"),
        ("code", 0, 3, "a\n\n  b"),
        ("code", 0, 9, "c"),
        ("paragraph", 0, 11, "Quoted"),
        ("code", 0, 13, "> d\n> e"),
        ("code", 0, 16, ">>> f\ng"),
    ]


def test_directives() -> None:
    text = (
        ".. code-block:: py\n   :linenos:\n\n   x = *1*\n\n.. note:: Hey\n\n   *body*\n\n   - a\n\n"
        ".. image:: x.png\n   :alt: A picture\n\n.. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\n"
        ".. figure:: y.png\n\n   Caption\n\n.. py:function:: f(x)\n\n   Does.\n"
    )
    assert shown(text, "a.rst") == [
        ("code", 0, 4, "x = *1*"),
        ("paragraph", 0, 6, "Hey"),
        ("paragraph", 0, 8, "body"),
        ("list", 0, 10, "- a"),
        ("paragraph", 0, 13, "A picture"),
        ("paragraph", 0, 23, "Caption"),
        ("paragraph", 0, 25, "f(x)"),
        ("paragraph", 0, 27, "Does."),
    ]


def test_comments_and_targets_are_left_out() -> None:
    text = ".. _a: http://b\n.. comment\n   more\n\n..\n   hidden\n\n.. [1] A *note*.\n\n__ http://c\n\nend"
    assert shown(text, "a.rst") == [
        ("paragraph", 0, 8, "[1] A note."),
        ("paragraph", 0, 12, "end"),
    ]


def test_lists_fields_and_quotes() -> None:
    text = (
        "T\n=\n:Author: Me\n:Version: 2\n\n* a\n  more\n\n* b\n\n1. x\n\np\n\n  quoted\n\n:k: v\n"
    )
    document = read(text.encode(), "a.rst")
    assert document.title == "T"
    assert document.meta == {
        "author": "Me", "version": "2", "format": "rst", "encoding": "utf-8",
    }  # fmt: skip
    assert shown(text, "a.rst")[1:] == [
        ("list", 0, 6, "* a\n  more\n\n* b\n\n1. x"),
        ("paragraph", 0, 13, "p"),
        ("quote", 0, 15, "quoted"),
        ("list", 0, 17, ":k: v"),
    ]


def test_tables() -> None:
    text = (
        "+----+---+\n| a  | b |\n| a2 |   |\n+====+===+\n| 1  | 2 |\n+----+---+\n\n"
        "===  =====\nA    B\n===  =====\n1    *two*\n     more\n2    x\n===  =====\n\nend\n"
    )
    assert shown(text, "a.rst") == [
        ("table", 0, 2, "a a2 | b\n1 | 2"),
        ("table", 0, 9, "A | B\n1 | two more\n2 | x"),
        ("paragraph", 0, 16, "end"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("``a *b*`` *c* **d** `e`", "a *b* c d e"),
        (
            ":ref:`text <x>` :py:func:`~a.b` `here <http://x>`_ `<http://y>`_",
            "text a.b here http://y",
        ),
        ("a_ b__ name_with_parts x_y", "a b name_with_parts x_y"),
        ("|sub| [1]_ 2*3*4 \\*no\\*", "sub [1] 2*3*4 *no*"),
        ("`a\nb <c>`_ d", "a\nb d"),
        ("* a `b", "* a `b"),
    ],
)
def test_inline_markup(text: str, expected: str) -> None:
    assert plain(text) == expected
