"""Where connections go: to the emulator under the providers' own names, or nowhere at all.

Nothing in a client is touched, so addresses, Host headers and TLS names stay the real ones, whatever HTTP library the
client uses. Clients that connect outside Python, as uvloop does, are not covered.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

_HTTPS = ("127.0.0.1", 443)
_TRUSTED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")


@contextmanager
def diverted(port: int, hosts: Collection[str]) -> Iterator[None]:
    """Connections to one of these hosts, port 443, arrive at this port of the loopback."""
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:
        if _text(host) in hosts:
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", _HTTPS)]
        return resolve(host, *rest, **options)

    def connected(self: socket.socket, address: Any) -> None:
        connect(self, ("127.0.0.1", port) if address == _HTTPS else address)

    with mock.patch("socket.getaddrinfo", resolved), mock.patch.object(socket.socket, "connect", connected):
        yield


@contextmanager
def blocked() -> Iterator[list[str]]:
    """Nobody gets through. Yields the attempts, because an SDK makes a connection error of what is raised here."""
    attempts: list[str] = []

    def resolved(host: Any, *_rest: Any, **_options: Any) -> Any:
        attempts.append(f"look-up of {_text(host)}")
        raise socket.gaierror(socket.EAI_AGAIN, "the network is blocked in this test")

    def connected(_self: socket.socket, address: Any) -> None:
        attempts.append(f"connection to {address}")
        raise OSError("the network is blocked in this test")

    with mock.patch("socket.getaddrinfo", resolved), mock.patch.object(socket.socket, "connect", connected):
        yield attempts


def trust(certificate: bytes, path: Path) -> None:
    """Let every HTTP library of this process trust this authority. Before any is imported: some read this only once."""
    import certifi

    path.write_bytes(certificate)
    os.environ.update(dict.fromkeys(_TRUSTED, str(path)))
    certifi.where = lambda: str(path)


def _text(host: Any) -> str:
    return host.decode() if isinstance(host, bytes) else str(host)
