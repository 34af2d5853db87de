"""A request is made of whichever target the core chooses: four ways to call, one core, and no policy here.

Chat models, structured output, other runnables and protocol events differ only in their ``Call``. Choosing, retrying,
waiting and giving up happen in the core's drivers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Any, Protocol

from langchain_core.runnables import Runnable, RunnableConfig

from failover_langchain import sound
from failover_langchain.call import Call
from failover_langchain.deadlines import timed
from failover_langchain.entry import Entry
from failover_langchain.trace import attempt_config, failover_facts
from failover_plugin import AllTargetsFailed, Failover, Policy, Target, Trail, current_attempt


class Delegation:
    """The entries by target id, and the core that chooses among them."""

    def __init__(self, entries: Sequence[Entry], policy: Policy) -> None:
        self.entries = tuple(entries)
        self.failover = Failover([entry.target for entry in entries], policy)
        self._by_id = {entry.target.id: entry for entry in entries}

    def fresh(self) -> Delegation:
        """The same entries and policy, and nothing remembered."""
        return Delegation(self.entries, self.failover.policy)

    def suits(self, entries: Sequence[Entry], policy: Policy) -> bool:
        """Whether what is remembered here is true of these entries under this policy as well."""
        same = [(entry.given, entry.target) for entry in entries] == [
            (entry.given, entry.target) for entry in self.entries
        ]
        return same and policy == self.failover.policy

    def invoke(self, call: Call) -> Any:
        """The first answer that passes the call's check."""
        try:
            result = self.failover.run(lambda target: self._ask(call, target), call.request)
        except AllTargetsFailed as failed:
            error = failed.first_error()
        else:
            return _told(call, result.value, result)
        raise error

    async def ainvoke(self, call: Call) -> Any:
        """``invoke``, awaited."""
        try:
            result = await self.failover.arun(lambda target: self._aask(call, target), call.request)
        except AllTargetsFailed as failed:
            error = failed.first_error()
        else:
            return _told(call, result.value, result)
        raise error

    def stream(self, call: Call) -> Generator[Any, None, None]:
        """The chunks of the first target that delivers content; one of them says so if that took a failover."""
        stream = self.failover.stream(lambda target: self._open(call, target), call.request, **_reading(call))
        stamp = _Stamp(call)
        try:
            with closing(stream):
                chunk: Any = None
                for chunk in stream:
                    yield stamp(chunk, stream)
                yield from call.closing(chunk)
                return
        except AllTargetsFailed as failed:
            error = failed.first_error()
        raise error

    async def astream(self, call: Call) -> AsyncGenerator[Any, None]:
        """``stream`` for async callers."""
        stream = self.failover.astream(lambda target: self._aopen(call, target), call.request, **_reading(call))
        stamp = _Stamp(call)
        try:
            async with aclosing(stream):
                chunk: Any = None
                async for chunk in stream:
                    yield stamp(chunk, stream)
                for owed in call.closing(chunk):
                    yield owed
                return
        except AllTargetsFailed as failed:
            error = failed.first_error()
        raise error

    def _ask(self, call: Call, target: Target) -> Any:
        runnable, kwargs = self._timed(call, target)
        answer = call.invoke(runnable, _config(call), kwargs)
        call.check(answer)
        if call.demands_mark:
            sound.check(call, answer)
        return answer

    async def _aask(self, call: Call, target: Target) -> Any:
        answer = await call.ainvoke(call.prepare(self._by_id[target.id]), _config(call), call.kwargs)
        call.check(answer)
        if call.demands_mark:
            sound.check(call, answer)
        return answer

    def _open(self, call: Call, target: Target) -> Iterator[Any]:
        runnable, kwargs = self._timed(call, target)
        source = call.stream(runnable, _config(call), kwargs)
        return _without_made_up_end(source, call) if self._must_mark(call, target) else source

    def _aopen(self, call: Call, target: Target) -> AsyncIterator[Any]:
        source = call.astream(call.prepare(self._by_id[target.id]), _config(call), call.kwargs)
        return _awithout_made_up_end(source, call) if self._must_mark(call, target) else source

    def _timed(self, call: Call, target: Target) -> tuple[Runnable[Any, Any], dict[str, Any]]:
        """What to call and with which arguments, so that a sync call ends with its attempt."""
        return timed(call.prepare(self._by_id[target.id]), call.kwargs, current_attempt().timeout)

    def _must_mark(self, call: Call, target: Target) -> bool:
        return call.demands_mark and self._by_id[target.id].gives_mark(call.kwargs)


class _Told(Protocol):
    """The core's results and streams, as far as they tell how it went."""

    @property
    def target(self) -> Target | None: ...
    @property
    def trail(self) -> Trail: ...


class _Stamp:
    """Tells of a failover on exactly one chunk: merged chunks would say it twice otherwise."""

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call

    def __call__(self, chunk: Any, stream: _Told) -> Any:
        call = self._call
        if call is None or not call.takes_stamp(chunk):
            return chunk
        self._call = None
        return _told(call, chunk, stream)


def _reading(call: Call) -> dict[str, Any]:
    """How the core is to read the chunks."""
    if not call.demands_mark:
        return {"has_content": call.has_content}
    check = partial(sound.check_end, call)
    return {"has_content": call.has_content, "is_finished": call.is_finished, "check": check}


def _told(call: Call, answer: Any, by: _Told) -> Any:
    """The answer or chunk, with the facts of a failover in it if it took one."""
    facts = failover_facts(by.target, by.trail)
    return call.stamped(answer, facts) if facts else answer


def _config(call: Call) -> RunnableConfig | None:
    attempt = current_attempt()
    return call.config if attempt.number == 1 else attempt_config(call.config, attempt)


def _without_made_up_end(source: Iterator[Any], call: Call) -> Iterator[Any]:
    """The chunks as they come, but a finish that the host made up is dropped if the provider showed none before."""
    genuine = False
    for chunk in source:
        finished = call.is_finished(chunk)
        genuine = genuine or (finished and call.is_genuine(chunk))
        if genuine or not finished:
            yield chunk


async def _awithout_made_up_end(source: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
    genuine = False
    try:
        async for chunk in source:
            finished = call.is_finished(chunk)
            genuine = genuine or (finished and call.is_genuine(chunk))
            if genuine or not finished:
                yield chunk
    finally:  # At once, and not when the garbage collector comes by.
        if aclose := getattr(source, "aclose", None):
            await aclose()
