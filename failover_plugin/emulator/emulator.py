"""The emulator: any number of emulated providers on one loopback server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

from failover_plugin.emulator import routes
from failover_plugin.emulator.plan import Plan
from failover_plugin.emulator.providers import known, provider_of
from failover_plugin.emulator.server import LOOPBACK, Server
from failover_plugin.emulator.site import Prefill, Site
from failover_plugin.emulator.tls import Authority
from failover_plugin.emulator.wire import Incoming


class Emulator:
    """A loopback server of emulated providers.

    A site is found by the first part of the path, or by the host name a client asks for. With ``hosts`` a second port
    speaks TLS under these names, and clients have to trust ``certificate``; that needs the extra ``emulator``.

        with Emulator() as emulator:
            site = emulator.site("primary")
            site.script(faults.rate_limit(retry_after=2))
            ChatOpenAI(base_url=site.openai_url, api_key="test-key", max_retries=0)
    """

    def __init__(self, *, hosts: tuple[str, ...] = ()) -> None:
        self._tls = Authority(*hosts) if hosts else None
        self._sites: dict[str, Site] = {}
        self._server: Server | None = None

    def start(self) -> Self:
        """Listen on free ports; returns when clients can connect."""
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        server = Server(self._answer, [None, self._tls.context] if self._tls else [None])
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        """End every connection and the thread; harmless when it is not running."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def site(
        self,
        name: str,
        *,
        provider: str | None = None,
        reply: str = "",
        latency: float = 0.0,
        prefill: Prefill = "continue",
    ) -> Site:
        """A new emulated provider, in place of one of the same name.

        ``provider`` is whose errors and headers it has: by default that of the host it is named by, such as
        ``api.groq.com``, or else the maker of the wire format of each request; ``ConfigError`` for an unknown one.
        ``reply`` is "Hello from <name>" by default, ``latency`` in seconds. ``prefill`` is what becomes of a
        conversation that ends in the assistant's own words.
        """
        root = f"http://{LOOPBACK}:{self.port}/{quote(name, safe='')}"
        whose = provider_of(name) if provider is None else known(provider)
        answer = reply or f"Hello from {name}"
        site = Site(name, root, provider=whose, reply=answer, latency=latency, prefill=prefill)
        self._sites[name] = site
        return site

    @property
    def port(self) -> int:
        """The port of plain HTTP."""
        return self._running.ports[0]

    @property
    def https_port(self) -> int:
        """The port of TLS. ``RuntimeError`` without ``hosts``."""
        self._authority()
        return self._running.ports[1]

    @property
    def certificate(self) -> bytes:
        """The authority that clients of the TLS port have to trust, in PEM. ``RuntimeError`` without ``hosts``."""
        return self._authority().pem

    @property
    def connections(self) -> int:
        """How many connections clients hold open, idle ones included."""
        return self._running.connections

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the emulator has not been started")
        return self._server

    def _authority(self) -> Authority:
        if self._tls is None:
            raise RuntimeError("the emulator speaks TLS only if it is given hosts")
        return self._tls

    @contextmanager
    def _answer(self, request: Incoming) -> Generator[Plan]:
        site, path = self._route(request)
        if site is None:
            yield routes.nowhere(request)
            return
        with site.serving():
            yield routes.answer(site, path, request)

    def _route(self, request: Incoming) -> tuple[Site | None, str]:
        if site := self._sites.get(request.host):
            return site, request.path
        name, _, rest = request.path.removeprefix("/").partition("/")
        return self._sites.get(unquote(name)), f"/{rest}"
