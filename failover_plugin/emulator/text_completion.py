"""OpenAI's text completions on the wire, which vLLM and other servers still speak beside chat completions.

Follows https://platform.openai.com/docs/api-reference/completions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from failover_plugin.emulator.ask import Answer, Ask, Text
from failover_plugin.emulator.catalogue import Documented
from failover_plugin.emulator.encoding import compact, event, mapping, pieces
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Part

_CREATED = 1_700_000_000  # fixed, so that equal requests get equal answers
_FINISH = {"stop": "stop", "error": "error", "filter": "content_filter"}


class TextCompletion(OpenAI):
    """The format of ``POST /v1/completions``: a prompt instead of messages, a text instead of a message.

    A stream begins with its first piece of text: there is no empty opening.
    """

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request; of several prompts, the first."""
        prompt = _prompt(body.get("prompt"))
        return Ask(
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            body=body,
            user_text=prompt,
            usage_in_stream=bool(mapping(body.get("stream_options")).get("include_usage")),
            said=prompt,
        )

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer to a plain request."""
        return {
            **_envelope(ask, ident),
            "choices": [_choice(_text(answer), _finish(answer))],
            "usage": _usage(ask, answer),
        }

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:
        """The answer to a streaming request."""
        usage = {"usage": None} if ask.usage_in_stream else {}
        for piece in pieces(_text(answer)):
            yield event({**_envelope(ask, ident), "choices": [_choice(piece)], **usage}, Part.CONTENT)
        yield event({**_envelope(ask, ident), "choices": [_choice("", _finish(answer))], **usage}, Part.CLOSING)
        if ask.usage_in_stream:
            yield event({**_envelope(ask, ident), "choices": (), "usage": _usage(ask, answer)}, Part.CLOSING)
        yield event("[DONE]", Part.SENTINEL)

    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data:  # noqa: ARG002 - no envelope is around it
        """An error in mid-stream."""
        return event(self.dialect.in_stream(error), Part.CONTENT, name=error.event or self.dialect.event)


def _envelope(ask: Ask, ident: str) -> dict[str, Any]:
    return {"id": f"cmpl-{ident}", "object": "text_completion", "created": _CREATED, "model": ask.model}


def _choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _text(answer: Answer) -> str:
    return answer.text if isinstance(answer, Text) else compact(answer.arguments)


def _finish(answer: Answer) -> str:
    return _FINISH[answer.end] if isinstance(answer, Text) else "stop"


def _usage(ask: Ask, answer: Answer) -> dict[str, int]:
    prompt, completion = ask.tokens, answer.tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _prompt(value: object) -> str:
    """The prompt's text: a list holds several prompts, or the numbers of tokens."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    first = items[0] if items else ""
    return first if isinstance(first, str) else compact(first)
