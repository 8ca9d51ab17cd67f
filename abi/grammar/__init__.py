"""Constrained output: what a model may write next, by GBNF or by JSON Schema."""

from abi.grammar._gbnf import compile_gbnf
from abi.grammar._grammar import Grammar
from abi.grammar._matcher import Matcher
from abi.grammar._schema import compile_schema
from abi.grammar._vocabulary import Vocabulary

__all__ = ["Grammar", "Matcher", "Vocabulary", "compile_gbnf", "compile_schema"]
