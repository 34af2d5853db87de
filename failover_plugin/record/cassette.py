"""A cassette holds what an answer says and nothing of who asked, or when: recorded twice, it is the same twice.

In the form of vcrpy, which need not be installed to import this module: a ``Writer`` is what it calls a persister. Of a
request only what a replay matches is kept, of an answer the status, the body, and the headers that speak of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import yaml

ASIDES = ("huggingface.co", "localhost", "oauth2.googleapis.com", "sts.googleapis.com")
"""Hosts that litellm asks about a model or for a token before it calls the provider, but for ``/api/show``."""

CONNECTION = frozenset(
    {"cache-control", "connection", "content-encoding", "content-length", "date", "transfer-encoding"}
)
"""Headers that speak of the connection or the moment."""
_SECRET_IN_QUERY = frozenset({"key", "api_key", "access_token", "token"})
_BINARY = "application/vnd.amazon.eventstream"


class Request(Protocol):
    """The part of a recorded request that is read here."""

    method: str
    uri: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Saves what was heard under ``heading``, lines of comment; ``stream`` is whether a stream was asked for.

    ``clean`` is applied to every text that is kept, ``keeps`` tells by its lower-case name whether a header is.
    An answer whose status it does not ``accept`` is not saved. With ``numbered`` that status comes before the file's
    name. What was written is in ``written``.
    """

    heading: str
    stream: bool
    clean: Callable[[str], str] = str
    keeps: Callable[[str], bool] = lambda name: name not in CONNECTION
    accepts: Callable[[int], bool] = lambda status: True  # noqa: ARG005 - whatever it is
    numbered: bool = False
    written: list[Path] = field(default_factory=list[Path])

    def load_cassette(self, path: Path, serializer: object) -> Any:  # noqa: ARG002 - the face of a persister
        """Nothing is ever there: a recording begins anew."""
        raise import_module("vcr.persisters.filesystem").CassetteNotFoundError(path)

    def save_cassette(self, path: Path, heard: Mapping[str, Any], serializer: object) -> None:  # noqa: ARG002
        """Write the last answer of the provider, and the folder if it is missing; nothing if there was none."""
        pairs = zip(heard["requests"], heard["responses"], strict=True)
        told = [self._interaction(request, _decoded(answer)) for request, answer in pairs if not is_aside(request)]
        status: int = told[-1]["response"]["status"]["code"] if told else 0
        if not status or not self.accepts(status):
            return
        file = path.with_name(f"{status}_{path.name}") if self.numbered else path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.dump({"version": 1, "interactions": told[-1:]}, Dumper=_Dumper, sort_keys=False, width=110)
        file.write_text(self.heading + text, encoding="utf-8")
        self.written.append(file)

    def _interaction(self, request: Request, answer: Mapping[str, Any]) -> dict[str, Any]:
        status = answer["status"]["code"]
        body = None if status >= HTTPStatus.BAD_REQUEST else json.dumps({"stream": self.stream})
        headers = {name.lower(): list(values) for name, values in answer["headers"].items()}
        uri = self.clean(without_secrets(request.uri))
        return {
            "request": {"method": request.method.upper(), "uri": uri, "body": body, "headers": {}},
            "response": {
                "status": {"code": status, "message": answer["status"]["message"]},
                "headers": {name: list(map(self.clean, headers[name])) for name in sorted(headers) if self.keeps(name)},
                "body": {"string": self._body(answer["body"]["string"], headers)},
            },
        }

    def _body(self, body: bytes, headers: Mapping[str, list[str]]) -> str | bytes:
        """Text where it is text; a binary event stream has checksums, so it is kept as it is."""
        return body if headers.get("content-type") == [_BINARY] else self.clean(body.decode())


def _decoded(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer without its compression."""
    decoded: Mapping[str, Any] = import_module("vcr.filters").decode_response(answer)
    return decoded


def is_aside(request: Request) -> bool:
    """Whether it is no request for an answer, but one of litellm's own about a model."""
    return request.host in ASIDES or urlsplit(request.uri).path == "/api/show"


def without_secrets(uri: str) -> str:
    """The address without the keys that some clients put into its query."""
    parts = urlsplit(uri)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _SECRET_IN_QUERY]
    return urlunsplit(parts._replace(query=urlencode(query)))


class _Dumper(yaml.SafeDumper):
    """YAML in which a stream can be read line by line."""


def _text(_dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
