"""One request at the emulator, and the plans it can be answered with: what a fault has to work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Protocol

from failover_plugin.emulator.ask import Answer, Ask, End, Text, decide
from failover_plugin.emulator.catalogue import ERRORS_OF, Documented, documented
from failover_plugin.emulator.encoding import Body, Media, compact, mapping, slices
from failover_plugin.emulator.plan import Data, Head, Pause, Plan, Step


class Format(Protocol):
    """A provider's wire format."""

    @property
    def name(self) -> str:
        """Whose format it is, as a provider's name."""
        ...

    @property
    def stream_type(self) -> str:
        """The media type of a stream."""
        ...

    @property
    def in_array(self) -> bool:
        """Whether a refusal comes in a JSON array."""
        ...

    def read(self, body: Mapping[str, Any]) -> Ask: ...
    def headers(self, ident: str) -> dict[str, str]: ...
    def body(self, ask: Ask, answer: Answer, ident: str) -> Body: ...
    def events(self, ask: Ask, answer: Answer, ident: str) -> Iterator[Data]: ...
    def error_event(self, error: Documented, ask: Ask, ident: str) -> Data: ...
    def error_body(self, message: str, status: int) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the format it came in, what it asks, and how its site answers when nothing is wrong.

    ``provider`` is whose errors its site has; by default the maker of the format.
    ``ident`` is the tail of every id in the answer: the site's name and a count, so that answers can be foretold.
    """

    format: Format
    ask: Ask
    ident: str
    reply: str
    latency: float = 0.0
    provider: str = ""

    def healthy(self) -> Plan:
        """The answer of a provider with nothing wrong."""
        return self._answered(decide(self.ask, self.reply))

    def saying(self, text: str, end: End = "stop") -> Plan:
        """An answer that consists of this text, which may be empty, and ends so."""
        return self._answered(Text(text, end))

    def documented(self, name: str) -> Documented:
        """The error of this name as this call's provider documents it. ``KeyError`` for an unknown name.

        What neither it nor the maker of the format documents, and what it says to clients of another maker's format,
        is put in this format's own words.
        """
        entry = documented(name, self._whose, self.format.name)
        if self._knows(name) and not _translates(self._whose, self.format.name):
            return entry
        return replace(entry, body=self.format.error_body(_message(entry.body), entry.status))

    def in_stream(self, name: str | None = None) -> Documented:
        """The error of this name, by default the one of being overloaded, or what the provider sends in streams."""
        return self.documented(name or ("overloaded" if self._knows("overloaded") else "stream_error"))

    def error_event(self, body: object, error: str | None = None) -> Data:
        """An error inside a stream: this body, or None for the documented one, in the provider's form."""
        entry = self.in_stream(error)
        return self.format.error_event(entry if body is None else replace(entry, body=body), self.ask, self.ident)

    def refused(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> Plan:
        """An error instead of an answer. A ``body`` that is a string is sent as plain text, bytes as they are."""
        if self.format.in_array and mapping(body):
            body = [mapping(body)]
        kind = "application/json" if not isinstance(body, str | bytes) else "text/plain; charset=utf-8"
        return self.whole(status, _encoded(body), {"content-type": kind, **(headers or {})})

    def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> Plan:
        """Any answer with a body of known length."""
        head = {**self._headers(), **headers, "content-length": str(len(body))}
        return (*self._wait(), Head(status, head), *slices(body))

    @property
    def _whose(self) -> str:
        return self.provider or self.format.name

    def _knows(self, name: str) -> bool:
        return any(name in ERRORS_OF.get(source, {}) for source in (self._whose, self.format.name))

    def _answered(self, answer: Answer) -> Plan:
        if not self.ask.stream:
            body = self.format.body(self.ask, answer, self.ident)
            sent = body if isinstance(body, Media) else Media(compact(body).encode(), "application/json")
            return self.whole(200, sent.content, {"content-type": sent.kind})
        head = {**self._headers(), "content-type": self.format.stream_type, "cache-control": "no-cache"}
        events = self.format.events(self.ask, answer, self.ident)
        return (*self._wait(), Head(200, {**head, "transfer-encoding": "chunked"}), *events)

    def _headers(self) -> dict[str, str]:
        return {"date": formatdate(usegmt=True), **self.format.headers(self.ident)}

    def _wait(self) -> tuple[Step, ...]:
        return (Pause(self.latency),) if self.latency else ()


_AT_HOME = {"anthropic": ("anthropic", "vertex", "bedrock")}
_ABROAD = {"openai": ("cohere",)}


def _translates(provider: str, wire: str) -> bool:
    """Whether a provider has another maker's errors where it offers that maker's format beside its own."""
    return provider in _ABROAD.get(wire, ()) or provider not in _AT_HOME.get(wire, (provider,))


def _message(body: object) -> str:
    """The words of an error in whatever shape."""
    error = mapping(body).get("error", body)
    return str(mapping(error).get("message", error))


def _encoded(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else compact(body)).encode()
