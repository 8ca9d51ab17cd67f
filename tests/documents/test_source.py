"""Source code: definitions of Python, outlines of others."""

from __future__ import annotations

from abi.documents import chunks, read

from .show import shown

PYTHON = '''"""What it is."""
import os

# Adds.
@cached
def add(a, b):
    """Sum."""
    return a + b


class Box(Base):
    size = 1

    async def open(self):
        def inner(): ...

    left = 2


X = 1
'''


def test_definitions_of_python_are_sections() -> None:
    assert shown(PYTHON, "a.py") == [
        ("code", 0, 1, '"""What it is."""\nimport os'),
        ("heading", 1, 6, "def add"),
        ("code", 0, 4, '# Adds.\n@cached\ndef add(a, b):\n    """Sum."""\n    return a + b'),
        ("heading", 1, 11, "class Box"),
        ("code", 0, 11, "class Box(Base):\n    size = 1"),
        ("heading", 2, 14, "async def open"),
        ("code", 0, 14, "    async def open(self):\n        def inner(): ..."),
        ("code", 0, 17, "    left = 2"),
        ("code", 0, 20, "X = 1"),
    ]


def test_the_title_is_the_first_line_of_the_docstring() -> None:
    document = read(PYTHON.encode(), "dir/a.py")
    assert document.title == "What it is."
    assert document.meta == {"format": "source", "encoding": "utf-8", "language": "python"}


def test_a_method_stands_under_its_class() -> None:
    body = "\n".join(f"        x{i} = {i}" for i in range(200))
    found = chunks(read(f"class A:\n    def m(self):\n{body}\n".encode(), "a.py"), size=100)
    assert found[-1].headings == ("class A", "def m")


def test_python_that_does_not_parse_is_divided_by_blank_lines() -> None:
    assert shown("def f(:\n  x\n\nprint 1\n", "a.py") == [
        ("code", 0, 1, "def f(:\n  x"),
        ("code", 0, 4, "print 1"),
    ]


def test_other_languages_are_divided_at_unindented_lines() -> None:
    text = "#include <a>\n\nint f() {\n\n  return 1;\n\n}\n\nint g();\n"
    assert shown(text, "a.c") == [
        ("code", 0, 1, "#include <a>"),
        ("code", 0, 3, "int f() {\n\n  return 1;\n\n}"),
        ("code", 0, 9, "int g();"),
    ]
    assert read(text.encode(), "a.rs").meta["language"] == "rust"
