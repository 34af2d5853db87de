"""What a request asks for, whatever wire format it came in, and what the emulated model says to it.

The model follows rules, so that agents and structured output work and every answer can be foretold:
a forced tool is called; a tool that the user's last message names is called; after a tool's result the result is
told; a demanded JSON schema is filled; everything else gets the site's reply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from failover_plugin.emulator.encoding import compact, dicts, text_of, tokens
from failover_plugin.emulator.schema import example

_SHORTEST_WORD = 4  # "get" and "my" are in every other sentence and name no tool


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call, and the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The facts of one request. ``forced`` is a tool's name, or True for any tool; ``prefix`` is text to go on from.

    ``said`` is the text of the conversation, where it is not in ``body["messages"]``.
    """

    model: str
    stream: bool
    body: Mapping[str, Any]
    user_text: str = ""
    tools: tuple[Tool, ...] = ()
    forced: str | bool = False
    tool_result: str | None = None
    schema: Mapping[str, Any] | None = None
    prefix: str = ""
    usage_in_stream: bool = True
    said: str = ""

    @property
    def tokens(self) -> int:
        """How many tokens the conversation has, by rule of thumb."""
        return tokens(
            self.said or "".join(text_of(message.get("content")) for message in dicts(self.body.get("messages")))
        )


End = Literal["stop", "error", "filter"]


@dataclass(frozen=True, slots=True)
class Text:
    """An answer in words, and why it ends: it is complete, the model failed, or a safety system stepped in."""

    text: str
    end: End = "stop"

    @property
    def tokens(self) -> int:
        """How many tokens it has, by rule of thumb."""
        return tokens(self.text)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """An answer that calls a tool."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def tokens(self) -> int:
        """How many tokens it has, by rule of thumb."""
        return tokens(compact(self.arguments))


Answer = Text | ToolCall


def decide(ask: Ask, reply: str) -> Answer:
    """What the emulated model answers; ``reply`` is its text when no rule says otherwise."""
    if tool := _wanted_tool(ask):
        return ToolCall(tool.name, example({"type": "object", **tool.schema}))
    if ask.schema is not None:
        return Text(compact(example(ask.schema)))
    if ask.tool_result is not None:
        return Text(f"The tool says: {ask.tool_result}")
    return Text(reply.removeprefix(ask.prefix))


def _wanted_tool(ask: Ask) -> Tool | None:
    if isinstance(ask.forced, str):
        return next((tool for tool in ask.tools if tool.name == ask.forced), None)
    if ask.tool_result is None and (named := [tool for tool in ask.tools if _names(ask.user_text, tool.name)]):
        return named[0]
    return ask.tools[-1] if ask.forced and ask.tools else None


def _names(text: str, tool: str) -> bool:
    words = [word for word in re.split(r"[^a-zA-Z0-9]+", tool) if len(word) >= _SHORTEST_WORD]
    return any(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) for name in (tool, *words))
