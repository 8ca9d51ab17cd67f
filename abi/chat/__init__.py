"""Conversations: messages to a prompt by the model's template, and its text back to a message."""

from abi.chat._families import FAMILIES, family_of
from abi.chat._family import Calls, Family, Headers, Reasoning
from abi.chat._message import Delta, Message, ToolCall
from abi.chat._messages import check_messages
from abi.chat._parser import MessageParser, parse_message
from abi.chat._render import render_chat, template_names
from abi.chat._template import ChatTemplate

__all__ = [
    "FAMILIES",
    "Calls",
    "ChatTemplate",
    "Delta",
    "Family",
    "Headers",
    "Message",
    "MessageParser",
    "Reasoning",
    "ToolCall",
    "check_messages",
    "family_of",
    "parse_message",
    "render_chat",
    "template_names",
]
