"""GBNF: what it means, and what is said where it means nothing."""

from __future__ import annotations

from time import perf_counter

import pytest

from abi.errors import InputError
from abi.grammar import Matcher, Vocabulary, compile_gbnf


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ('root ::= "a" x', "line 1, column 14: rule 'x' is not defined; define it or remove it"),
        ('a ::= "a"', "line 1, column 1: there is no rule 'root'; add a rule 'root ::= ...'"),
        ("", "line 1, column 1: there is no rule 'root'; add a rule 'root ::= ...'"),
        ('root ::= "a"\n\nb ::= b "c"', "line 3, column 1: rule 'b' can begin with itself "
         "(left recursion); let something else come first, or repeat with * or +"),
        ('root ::= "a"{3,2}', "line 1, column 13: {3,2} has its bounds exchanged; "
         "put the lower first"),
        ('root ::= "a"{2000000}', "line 1, column 13: too many repetitions; "
         "at most 1000000 are counted"),
        ('root ::= ("a"\n  "b"', "line 1, column 10: this '(' is not closed; add a ')'"),
        ("root ::= [z-a]", "line 1, column 11: this range is empty; put the lower end first"),
        ('root ::= "\\x00"', "line 1, column 11: U+0000 cannot be written; "
         "leave it out of the literal"),
        ("root ::= <think>", "line 1, column 10: <think> needs a vocabulary; "
         "pass token_id, or write the id as <[123]>"),
        ("root ::= <[4294967296]>", "line 1, column 10: token id 4294967296 is too large; "
         "ids are below 2**32"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what_to_do(grammar: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_gbnf(grammar)
    assert str(caught.value) == f"grammar {message}"


@pytest.mark.parametrize(("char", "shown"), [("\n", "\\n"), ("q", "q"), ("", "")])
def test_an_unknown_escape_is_told_in_one_line(char: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_gbnf(f'root ::= "a\\{char}')
    assert str(caught.value).startswith(
        f"grammar line 1, column 12: unknown escape \\{shown}; known are \\n "
    )


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= a b root "x" | "y"\na ::= "q"?\nb ::= a*',  # hidden behind what may be empty
        'root ::= (root "x")* "y"',
        'root ::= root? "x"',
    ],
)
def test_left_recursion_is_found_wherever_it_hides(grammar: str) -> None:
    with pytest.raises(InputError, match="left recursion"):
        compile_gbnf(grammar)


def test_recursion_that_grows_nothing_is_let_through() -> None:
    grammar = compile_gbnf('root ::= space root | "x"\nspace ::= " "*')
    assert grammar.matches("  x") and not grammar.matches("  ")


def test_a_rule_other_than_root_can_be_the_start() -> None:
    assert compile_gbnf('digits ::= [0-9]+\nother ::= "x"', root="digits").matches("12")


def test_counts_are_exact_where_llama_cpp_gives_up_counting() -> None:
    grammar = compile_gbnf("root ::= [a-z]{0,5000}")
    assert grammar.matches("a" * 5000) and not grammar.begins("a" * 5001)


def test_nested_counts_are_not_written_out() -> None:
    grammar = compile_gbnf('root ::= (("a"{999} ";"){999} "\\n"){999}')
    assert grammar.begins("a" * 999 + ";a") and not grammar.begins("a" * 1000)


def test_ten_thousand_parentheses_parse_without_recursion() -> None:
    grammar = compile_gbnf("root ::= " + "(" * 10_000 + '"x"' + ")" * 10_000)
    assert grammar.matches("x")


def test_deep_nesting_of_the_text_needs_no_recursion() -> None:
    grammar = compile_gbnf('root ::= "(" root ")" | "x"')
    assert grammar.matches("(" * 5000 + "x" + ")" * 5000)
    assert not grammar.matches("(" * 5000 + "x" + ")" * 4999)


def test_ambiguity_does_not_double_with_every_character() -> None:
    grammar = compile_gbnf('root ::= "a" root "b" | "a" root "c" | "a" root "d" | ""')
    started = perf_counter()
    assert grammar.matches("a" * 200 + "bcd" * 66 + "bc")
    assert perf_counter() - started < 10  # two to the power of 200 stacks otherwise


def test_an_excess_of_ambiguity_is_refused() -> None:
    with pytest.raises(InputError, match="too ambiguous"):
        compile_gbnf("root ::= " + "(" * 3 + '"a"?' + "){0,900}" * 3)


def test_tokens_by_text_come_from_the_vocabulary() -> None:
    ids = {"<think>": 1, "</think>": 2}
    grammar = compile_gbnf("root ::= <think> !</think>* </think> [a-c]*", token_id=ids.get)
    matcher = Matcher(grammar, Vocabulary([b"a", b"", b"", b"b", b"x", b""], end_tokens=[5]))
    assert matcher.allowed().tolist() == [False, True, False, False, False, False]
    matcher.accept(1)  # tokens without bytes are never meant by a negation
    assert matcher.allowed().tolist() == [True, False, True, True, True, False]
    matcher.accept(4)
    matcher.accept(2)
    assert matcher.allowed().tolist() == [True, False, False, True, False, True]


def test_a_token_text_that_is_no_token_is_an_error() -> None:
    with pytest.raises(InputError, match="<x> is not one token of this vocabulary"):
        compile_gbnf("root ::= <x>", token_id=lambda text: None)
