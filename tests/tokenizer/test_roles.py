"""Roles of special tokens, as llama.cpp finds them by text."""

from __future__ import annotations

import numpy as np
import pytest

from abi.tokenizer import Tokenizer, TokenType


def tokenizer(*extra: str, kind: int = 1, **metadata: object) -> Tokenizer:
    """Bytes 0 to 255, then <s> 256, </s> 257, then the tokens given."""
    tokens = [*(f"<0x{b:02X}>" for b in range(256)), "<s>", "</s>", *extra]
    return Tokenizer.from_metadata(
        {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": np.array([6] * 256 + [3, 3] + [kind] * len(extra)),
            "tokenizer.ggml.bos_token_id": 256,
            "tokenizer.ggml.eos_token_id": 257,
            "tokenizer.ggml.add_space_prefix": False,
            "tokenizer.ggml.add_bos_token": False,
            **metadata,
        }
    )


@pytest.mark.parametrize(
    ("text", "role", "ends"),
    [
        ("<|im_end|>", "eot", True),
        ("<|eom_id|>", "eom", True),
        ("<|fim_pad|>", "fim_pad", True),
        ("<reponame>", "fim_rep", True),
        ("<|file_sep|>", "fim_sep", True),
        ("▁<PRE>", "fim_pre", False),
        ("<fim_suffix>", "fim_suf", False),
    ],
)
def test_a_role_is_found_by_text(text: str, role: str, ends: bool) -> None:
    vocab = tokenizer(text).vocab
    assert vocab.special[role] == 258
    assert vocab.types[258] is TokenType.CONTROL
    assert vocab.eog == ({257, 258} if ends else {257})


def test_the_file_goes_before_the_text() -> None:
    found = tokenizer("<|fim_pad|>", "x", **{"tokenizer.ggml.fim_pad_token_id": 259}).vocab
    assert found.special["fim_pad"] == 259
    assert found.types[258] is TokenType.NORMAL
    assert found.eog == {257, 259}


def test_harmony_tokens_are_shown_and_end_of_message_does_not_end() -> None:
    vocab = tokenizer("<|channel|>", "<|end|>", "<|return|>", "<|call|>", kind=3).vocab
    assert [vocab.types[i].name for i in (258, 259)] == ["USER_DEFINED", "USER_DEFINED"]
    assert vocab.eog == {257, 260, 261}


def test_s_is_normal_beside_a_tool_response() -> None:
    vocab = tokenizer("<|tool_response>", "<eos>", **{"tokenizer.ggml.eos_token_id": 259}).vocab
    assert vocab.types[257] is TokenType.NORMAL
    assert vocab.eog == {258, 259}


def test_phi_3_takes_white_space_after_special_tokens() -> None:
    name = {"general.name": "Phi-3 mini"}
    found = tokenizer("<|end|>", kind=3, **name)
    assert found.encode("<|end|> \r\nA", parse_special=True) == [258, 65]
    assert found.encode("<s> A", parse_special=True)[:2] == [256, 0xE2]
    assert tokenizer("<|end|>", kind=3).encode("<|end|>\n", parse_special=True) == [258, 10]


def test_a_wrong_id_of_no_importance_is_passed_over() -> None:
    assert "pad" not in tokenizer(**{"tokenizer.ggml.padding_token_id": 2**32 - 1}).vocab.special
