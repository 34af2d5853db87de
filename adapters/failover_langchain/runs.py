"""A run around the attempts, where the caller expects exactly one.

A caller that fixed the run id (``astream_events`` does) follows that one run. If the first attempt took it and died,
its events would go on under a dead run; so the attempts become children of a chain run that has the id. Everybody else
is spared the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from failover_langchain import _host
from failover_langchain.call import Call
from failover_langchain.delegation import Delegation


def invoke(owner: Runnable[Any, Any], to: Delegation, call: Call) -> Any:
    """The answer to a call, in ``owner``'s own run if the caller fixed its id."""
    if (config := _fixed(call)) is None:
        return to.invoke(call)

    def inside(_input: Any, config: RunnableConfig) -> Any:
        return to.invoke(replace(call, config=config))

    return _host.call_in_run(owner, inside, call.input, config)


async def ainvoke(owner: Runnable[Any, Any], to: Delegation, call: Call) -> Any:
    """``invoke``, awaited."""
    if (config := _fixed(call)) is None:
        return await to.ainvoke(call)

    async def inside(_input: Any, config: RunnableConfig) -> Any:
        return await to.ainvoke(replace(call, config=config))

    return await _host.acall_in_run(owner, inside, call.input, config)


def stream(owner: Runnable[Any, Any], to: Delegation, call: Call) -> Iterator[Any]:
    """The chunks of the answer, in ``owner``'s own run if the caller fixed its id.

    The generator that does the work is handed out itself: every one around it would have to close it in time.
    """
    if (config := _fixed(call)) is None:
        return to.stream(call)

    def inside(_inputs: Iterator[Any], config: RunnableConfig) -> Iterator[Any]:
        return to.stream(replace(call, config=config))

    chunks: Iterator[Any] = _host.stream_in_run(owner, inside, iter([call.input]), config)
    return chunks


def astream(owner: Runnable[Any, Any], to: Delegation, call: Call) -> AsyncIterator[Any]:
    """``stream`` for async callers."""
    if (config := _fixed(call)) is None:
        return to.astream(call)

    def inside(_inputs: AsyncIterator[Any], config: RunnableConfig) -> AsyncIterator[Any]:
        return to.astream(replace(call, config=config))

    chunks: AsyncIterator[Any] = _host.astream_in_run(owner, inside, _once(call.input), config)
    return chunks


def plain_stream(owner: Runnable[Any, Any], to: Delegation, call: Call) -> Iterator[Any]:
    """The whole answer as the only chunk."""
    yield invoke(owner, to, call)


async def plain_astream(owner: Runnable[Any, Any], to: Delegation, call: Call) -> AsyncIterator[Any]:
    """``plain_stream`` for async callers."""
    yield await ainvoke(owner, to, call)


def _fixed(call: Call) -> RunnableConfig | None:
    """The call's config, if it fixes the run id."""
    config = call.config
    return config if config is not None and config.get("run_id") is not None else None


async def _once(value: Any) -> AsyncIterator[Any]:
    yield value
