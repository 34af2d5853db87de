"""A loopback HTTP/1.1 server in a thread and an event loop of its own.

Its own thread, so that synchronous clients can be tested; its own loop, so that a client that blocks or cancels its
loop changes nothing here. ``stop`` ends every connection and joins the thread: nothing outlives it.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress

from failover_plugin.emulator import wire
from failover_plugin.emulator.plan import Plan
from failover_plugin.emulator.wire import Incoming, Line

LOOPBACK = "127.0.0.1"


class Server:
    """Plays the plan that ``answer`` enters for each request; one listener per TLS context, None for plain HTTP."""

    def __init__(
        self, answer: Callable[[Incoming], AbstractContextManager[Plan]], contexts: Sequence[ssl.SSLContext | None]
    ) -> None:
        self._answer = answer
        self._contexts = contexts
        self._connections: set[asyncio.Task[None]] = set()
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="failover-emulator", daemon=True)
        self.ports: tuple[int, ...] = ()

    def start(self) -> None:
        """Listen; returns when clients can connect."""
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """End every connection and the thread."""
        loop, stopping = self._ready.result()
        loop.call_soon_threadsafe(stopping.set)
        self._thread.join()

    @property
    def connections(self) -> int:
        """How many connections are open, idle ones included."""
        return len(self._connections)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        servers = [await loop.create_server(self._protocol, LOOPBACK, 0, ssl=context) for context in self._contexts]
        self.ports = tuple(server.sockets[0].getsockname()[1] for server in servers)
        self._ready.set_result((loop, stopping))
        await stopping.wait()
        for server in servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for server in servers:
            await server.wait_closed()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        line = Line()

        def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.ensure_future(self._converse(line, writer))
            self._connections.add(connection)
            connection.add_done_callback(self._ended)

        return asyncio.StreamReaderProtocol(line, connected)

    def _ended(self, connection: asyncio.Task[None]) -> None:
        """Forget a connection; what a fault of the user's own has raised is logged at once."""
        self._connections.discard(connection)
        if not connection.cancelled() and (error := connection.exception()):
            context = {"message": "the emulator failed to answer", "exception": error}
            connection.get_loop().call_exception_handler(context)

    async def _converse(self, line: Line, writer: asyncio.StreamWriter) -> None:
        """Answer request after request until one side hangs up."""
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    request = await wire.read(line)
                    with self._answer(request) as plan:
                        await _unless_gone(line, wire.play(plan, writer))
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


async def _unless_gone(line: Line, playing: Coroutine[None, None, None]) -> None:
    """Play, but not to an empty house: a client that hangs up ends a pause at once."""
    answer, gone = asyncio.ensure_future(playing), asyncio.ensure_future(line.gone.wait())
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectionResetError("the client has gone")
        answer.result()
    finally:
        answer.cancel()
        gone.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)
