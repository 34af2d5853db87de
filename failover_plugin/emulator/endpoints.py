"""Images, speech, transcriptions, moderations and reranking on the wire: enough to see their clients fail over.

Follows https://platform.openai.com/docs/api-reference/images, https://platform.openai.com/docs/api-reference/audio,
https://platform.openai.com/docs/api-reference/moderations, https://docs.cohere.com/v2/reference/rerank and
https://docs.cohere.com/v1/reference/rerank. What a site says is in the answer wherever there is a place for it: a
transcription is its text, a picture and a sound have it inside their file. The others have the site's name in their id.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from failover_plugin.emulator.ask import Answer, Ask, Text
from failover_plugin.emulator.cohere import Cohere
from failover_plugin.emulator.encoding import Body, Media, compact, event, mapping, pieces, tokens
from failover_plugin.emulator.media import mp3, png
from failover_plugin.emulator.openai import OpenAI
from failover_plugin.emulator.plan import Data, Part

_CREATED = 1_700_000_000  # fixed, so that equal requests get equal answers
_SECONDS = 1.0  # how long every recording is, whatever was sent
_TEXT = "text/plain; charset=utf-8"
_ASKED = ("prompt", "input", "query")
_ON_PICTURES = ("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic")
_ON_TEXTS = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent")
_CATEGORIES = (*_ON_TEXTS, "sexual/minors", *_ON_PICTURES)
_HARMLESS = 0.0001

_Say = Callable[[Ask, str, str], Body]


class Endpoint(OpenAI):
    """An endpoint of OpenAI's that has no conversation: ``say`` makes its answer of the site's text and the id."""

    def __init__(self, say: _Say, provider: str = "openai") -> None:
        super().__init__(provider)
        self._say = say

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request; of the endpoints here only transcriptions have streams."""
        asked = next((body[name] for name in _ASKED if name in body), "")
        said = asked if isinstance(asked, str) else compact(asked)
        return Ask(model=str(body.get("model", "")), stream=False, body=body, said=said)

    def body(self, ask: Ask, answer: Answer, ident: str) -> Body:
        """The answer."""
        return self._say(ask, _text(answer), ident)


def images(ask: Ask, text: str, ident: str) -> Body:
    """``POST /v1/images/generations``: a file from GPT Image models, a URL of nothing and the text from others."""
    modern = ask.model.startswith(("gpt-image", "chatgpt-image"))
    inline = modern or ask.body.get("response_format") == "b64_json"
    place = {"b64_json": _base64(png(text))} if inline else {"url": f"https://images.invalid/{ident}.png"}
    image = place if modern else {**place, "revised_prompt": text}
    data = [image] * (_number(ask.body.get("n")) or 1) if text else []
    if not modern:
        return {"created": _CREATED, "data": data}
    details = {"text_tokens": ask.tokens, "image_tokens": 0}
    usage = {**_usage(ask.tokens, len(data)), "input_tokens_details": details}
    form = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    return {"created": _CREATED, **form, "data": data, "usage": usage}


def speech(ask: Ask, text: str, ident: str) -> Body:  # noqa: ARG001 - the file has its text in it, and no id
    """``POST /v1/audio/speech``: silence as MP3, also for those who ask for another format."""
    return Media(mp3(text) if text else b"", "audio/mpeg")


def moderations(ask: Ask, text: str, ident: str) -> Body:
    """``POST /v1/moderations``: nothing is harmful. Each text of a list has a result of its own."""
    given = ask.body.get("input")
    several = cast("list[object]", given) if isinstance(given, list) else [given]
    results = [_HARMLESS_RESULT for each in several if isinstance(each, str)] or [_HARMLESS_RESULT]
    return {"id": f"modr-{ident}", "model": ask.model or "omni-moderation-latest", "results": results if text else []}


def transcription(ask: Ask, text: str, ident: str) -> Body:  # noqa: ARG001 - the text is all there is
    """``POST /v1/audio/transcriptions`` in each of its formats but that with speakers."""
    match ask.body.get("response_format"):
        case "text":
            return Media(f"{text}\n".encode(), _TEXT)
        case "srt":
            return Media(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n".encode(), _TEXT)
        case "vtt":
            return Media(f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n".encode(), _TEXT)
        case "verbose_json":
            usage = {"type": "duration", "seconds": 1}
            facts = {"task": "transcribe", "language": "english", "duration": _SECONDS}
            return {**facts, "text": text, "segments": [_segment(text)] if text else [], "usage": usage}
        case _:
            return {"text": text, "usage": _heard(text)}


class Transcriptions(Endpoint):
    """The format of ``POST /v1/audio/transcriptions``, plain and as a stream; the request is a form with a file."""

    def __init__(self, provider: str = "openai") -> None:
        super().__init__(transcription, provider)

    def read(self, body: Mapping[str, Any]) -> Ask:
        """The facts of a request, whose fields are strings; Whisper ignores that a stream is asked for."""
        ask = super().read(body)
        streams = body.get("stream") in ("true", True) and ask.model != "whisper-1"
        return Ask(model=ask.model, stream=streams, body=body, said=ask.said)

    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]:  # noqa: ARG002 - no id in its events
        """The answer to a streaming request, which has no sentinel: what closes it is the whole text."""
        text = _text(answer)
        for piece in pieces(text):
            yield event({"type": "transcript.text.delta", "delta": piece}, Part.CONTENT)
        yield event({"type": "transcript.text.done", "text": text, "usage": _heard(text)}, Part.CLOSING)


class Rerank(Cohere):
    """The format of ``POST /v2/rerank`` and ``/v1/rerank``: first comes what shares most words with the query."""

    def __init__(self, provider: str = "cohere", *, version: str = "2") -> None:
        super().__init__(provider)
        self._version = version

    def body(self, ask: Ask, answer: Answer, ident: str) -> dict[str, Any]:
        """The answer; version 1 repeats the documents if it is asked to."""
        repeats = self._version == "1" and bool(ask.body.get("return_documents"))
        results = _ranked(ask.body, repeats=repeats) if _text(answer) else []
        meta = {"api_version": {"version": self._version}, "billed_units": {"search_units": 1}}
        return {"id": ident, "results": results[: _number(ask.body.get("top_n"))], "meta": meta}


_HARMLESS_RESULT = {
    "flagged": False,
    "categories": dict.fromkeys(_CATEGORIES, False),
    "category_scores": dict.fromkeys(_CATEGORIES, _HARMLESS),
    "category_applied_input_types": dict.fromkeys(_CATEGORIES, ("text",)),
}


def _text(answer: Answer) -> str:
    return answer.text if isinstance(answer, Text) else ""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _usage(given: int, made: int) -> dict[str, Any]:
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def _heard(text: str) -> dict[str, Any]:
    details = {"text_tokens": 0, "audio_tokens": 10}  # ten a second
    return {"type": "tokens", **_usage(10, tokens(text)), "input_token_details": details}


def _segment(text: str) -> dict[str, Any]:
    figures = {"temperature": 0.0, "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.0}
    return {"id": 0, "seek": 0, "start": 0.0, "end": _SECONDS, "text": text, "tokens": (), **figures}


def _number(given: object) -> int | None:
    return given if isinstance(given, int) else None


def _ranked(body: Mapping[str, Any], *, repeats: bool) -> list[dict[str, Any]]:
    given, query = body.get("documents"), str(body.get("query", ""))
    documents = [_document(each) for each in cast("list[object]", given)] if isinstance(given, list) else []
    scores = {index: _relevance(query, document) for index, document in enumerate(documents)}
    texts = [{"document": {"text": document}} if repeats else {} for document in documents]
    order = sorted(scores, key=lambda index: -scores[index])
    return [{"index": index, "relevance_score": scores[index], **texts[index]} for index in order]


def _document(given: object) -> str:
    return given if isinstance(given, str) else str(mapping(given).get("text", compact(given)))


def _relevance(query: str, document: str) -> float:
    asked, there = _words(query), _words(document)
    return round(len(asked & there) / len(asked), 4) if asked else 0.0


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
