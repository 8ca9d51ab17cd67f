"""Tokenisers: text to token ids and back, exactly as llama.cpp does it.

SentencePiece, BPE with every pre-tokeniser that llama.cpp knows, WordPiece, Unigram, RWKV and
PLaMo-2, made from a metadata mapping and not from a file, so they can be used and tested alone.
"""

from abi.tokenizer._pretokenizer import PRETOKENIZERS, PreTokenizer
from abi.tokenizer._roles import TokenType
from abi.tokenizer._stream import StreamDecoder
from abi.tokenizer._tokenizer import Tokenizer
from abi.tokenizer._vocab import Vocab

__all__ = [
    "PRETOKENIZERS",
    "PreTokenizer",
    "StreamDecoder",
    "TokenType",
    "Tokenizer",
    "Vocab",
]
