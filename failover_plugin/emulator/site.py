"""One emulated provider: its addresses, the faults it is told to have, and a record of what it was asked."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from failover_plugin.emulator.ask import Ask
from failover_plugin.emulator.faults import Fault
from failover_plugin.emulator.providers import BASE_PATHS

_SECRET = frozenset(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie", "proxy-authorization"}
)

Prefill = Literal["continue", "ignore", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as a site saw it. ``at`` is monotonic seconds; ``fault`` names what it met, None if nothing.

    Secrets in ``headers`` are replaced by a fingerprint: two requests with the same key can be told, the key cannot.
    """

    at: float
    method: str
    path: str
    model: str
    stream: bool
    fault: str | None
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


class Site:
    """One emulated provider, safe to steer from any thread while it serves.

    ``provider`` is whose errors and headers it has; None for those of the maker of each request's wire format.
    ``reply`` is what its model says, ``latency`` how long it thinks, in seconds. ``prefill`` is what it does with a
    conversation that ends in the assistant's own words: go on from them if its reply begins so, ignore them, or refuse.
    """

    def __init__(
        self,
        name: str,
        root: str,
        *,
        reply: str,
        provider: str | None = None,
        latency: float = 0.0,
        prefill: Prefill = "continue",
    ) -> None:
        self.name = name
        self.provider = provider
        self.reply = reply
        self.latency = latency
        self.prefill: Prefill = prefill
        self._root = root
        self._lock = threading.Lock()
        self._script: deque[Fault | None] = deque()
        self._standing: Fault | None = None
        self._until: float | None = None
        self._seen: list[Seen] = []
        self._open = 0

    @property
    def url(self) -> str:
        """The provider's host, for SDKs that know the paths: Google's, Amazon's, Cohere's, Groq's, Ollama's."""
        return self._root

    @property
    def openai_url(self) -> str:
        """The ``base_url`` for OpenAI clients, under the provider's own base path."""
        return f"{self._root}{BASE_PATHS.get(self.provider or '', '/v1')}"

    @property
    def anthropic_url(self) -> str:
        """The ``base_url`` for Anthropic clients."""
        return self._root

    @property
    def azure_url(self) -> str:
        """The ``azure_endpoint`` for Azure OpenAI clients."""
        return self._root

    def script(self, *faults: Fault | None) -> None:
        """Queue one entry per request, None for a healthy answer; after them the standing behaviour."""
        with self._lock:
            self._script.extend(faults)

    def fail(self, fault: Fault, seconds: float | None = None) -> None:
        """Fail every request from now on, for ``seconds`` or until ``heal``."""
        with self._lock:
            self._standing = fault
            self._until = None if seconds is None else time.monotonic() + seconds

    def heal(self) -> None:
        """Be healthy from now on; the queue is dropped too."""
        with self._lock:
            self._standing = None
            self._script.clear()

    @property
    def requests(self) -> tuple[Seen, ...]:
        """What this site was asked, in order of arrival."""
        with self._lock:
            return tuple(self._seen)

    @property
    def open(self) -> int:
        """How many requests are being answered right now: 0 once every caller has its answer or has gone."""
        with self._lock:
            return self._open

    def admit(self, method: str, path: str, headers: Mapping[str, str], ask: Ask) -> tuple[int, Fault | None]:
        """Book a request: its number, counted from 1, and the fault it meets."""
        with self._lock:
            at = time.monotonic()
            fault = self._next_fault(at)
            self._seen.append(
                Seen(
                    at=at,
                    method=method,
                    path=path,
                    model=ask.model,
                    stream=ask.stream,
                    fault=fault.name if fault else None,
                    headers={name: _redacted(name, value) for name, value in headers.items()},
                    body=ask.body,
                )
            )
            return len(self._seen), fault

    @contextmanager
    def serving(self) -> Generator[None]:
        """Count a request as open."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def _next_fault(self, now: float) -> Fault | None:
        if self._script:
            return self._script.popleft()
        if self._until is not None and now >= self._until:
            self._standing = self._until = None
        return self._standing


def _redacted(name: str, value: str) -> str:
    if name not in _SECRET:
        return value
    return f"redacted-{hashlib.sha256(value.encode()).hexdigest()[:8]}"
