"""What stands in front of a router's own methods: each passes on to the one it replaced and tells the core what it saw.

- ``async_function_with_fallbacks``, one request: a journey begins, and ends with the first target's own error.
- ``make_call``, one attempt: its permit is settled; in asynchronous code it is ended when its time is up.
- ``should_retry_this_error``: the host's loop goes on until the core has said no.
- ``_time_to_sleep_before_retry``: not at all; the core says how long to wait, and the choice waits.
- ``_get_routing_context``: every model group is ours.
- ``_select_deployment_async`` and ``_sync``: the choice.
- ``_acompletion_streaming_iterator`` and its twin: a stream is read up to its first content within its attempt.

So LiteLLM filters, retries, falls back, logs and counts as it always does; only who is next it does not decide.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from litellm.exceptions import Timeout

from failover_litellm import sound
from failover_litellm.choice import choose
from failover_litellm.fleet import Fleet
from failover_litellm.host import Host
from failover_litellm.journey import Journey, current
from failover_litellm.streams import AsyncWatchedStream, WatchedStream, is_made_up
from failover_plugin import Permit


class Seams:
    """Our side of one router's inside."""

    def __init__(self, host: Host, fleet: Fleet) -> None:
        self._fleet = fleet
        self._run = host.put("async_function_with_fallbacks", self.request)
        self._call = host.put("make_call", self.attempt)
        self._judge = host.put("should_retry_this_error", self.judge)
        self._pause = host.put("_time_to_sleep_before_retry", self.pause)
        self._astream = host.put("_acompletion_streaming_iterator", self.astream)
        self._stream = host.put("_completion_streaming_iterator", self.stream)
        host.put("_get_routing_context", self.context)
        host.put("_select_deployment_async", self.aselect)
        host.put("_select_deployment_sync", self.select)

    # -- one request --------------------------------------------------------------------------------------------------

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """A request, or the hop of one to another group or order level: that continues the journey."""
        if current.get() is not None and kwargs.get("fallback_depth"):
            return await self._run(*args, **kwargs)
        journey = Journey(self._fleet.failover)
        before = current.set(journey)
        try:
            return await self._run(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised below, as it is or as what began it
            verdict = journey.verdict(error)
        finally:
            journey.end()
            current.reset(before)
        raise verdict

    async def attempt(self, original_function: Any, *args: Any, **kwargs: Any) -> Any:
        """One attempt, from the choice to the answer or a stream's first content."""
        journey = current.get()
        if journey is None:
            return await self._call(original_function, *args, **kwargs)
        journey.may_be_silent = sound.may_be_silent(kwargs)
        try:
            async with asyncio.timeout(None) as journey.limit:
                response = await self._call(original_function, *args, **kwargs)
            if journey.open is not None:
                sound.check(response, may_be_silent=journey.may_be_silent)
            journey.answered(response)
        except Exception as error:
            failure = _overdue(journey, kwargs) if journey.limit and journey.limit.expired() else error
            journey.failed(failure)
            if failure is error:
                raise
            raise failure from error
        finally:
            journey.leave()
            journey.limit = None
        return response

    # -- the host's loop ----------------------------------------------------------------------------------------------

    def judge(self, error: Exception, **circumstances: Any) -> Any:
        """Returns if the loop is to go on, raises the error if not."""
        journey = current.get()
        if journey is None or not journey.concerns(error):
            return self._judge(error=error, **circumstances)
        if journey.refused:
            raise error
        return True

    def pause(self, **circumstances: Any) -> Any:
        """Seconds that the loop sleeps before it asks again."""
        journey = current.get()
        return 0 if journey is not None and journey.concerns(circumstances["e"]) else self._pause(**circumstances)

    # -- the choice ---------------------------------------------------------------------------------------------------

    def context(self, model: str, request_kwargs: Any = None) -> tuple[str, Seams]:  # noqa: ARG002 - the host's signature
        """The name of the strategy for this model group, and who carries it out."""
        return "failover", self

    async def aselect(self, **question: Any) -> Any:
        """Choose, and wait if the target wants it, in asynchronous code."""
        journey = current.get()
        chosen = choose(self._fleet, journey, **question)
        if journey is not None:
            await asyncio.sleep(chosen.wait)
            if journey.limit is not None:
                journey.limit.reschedule(asyncio.get_running_loop().time() + chosen.limit)
        return chosen.deployment(watched=True)

    def select(self, **question: Any) -> Any:
        """The same, in synchronous code."""
        journey = current.get()
        chosen = choose(self._fleet, journey, **question)
        if journey is not None:
            time.sleep(chosen.wait)
        return chosen.deployment(watched=False)

    # -- streams ------------------------------------------------------------------------------------------------------

    async def astream(self, *, model_response: Any, first_chunk: Any = None, **rest: Any) -> Any:
        """Read up to the first content within the attempt, then let the host wrap what we watch."""
        permit = _permit_for(model_response)
        if permit is None:
            return await self._astream(model_response=model_response, **_given(first_chunk), **rest)
        watched = AsyncWatchedStream(model_response, permit, first_chunk, may_be_silent=_may_be_silent())
        try:
            await watched.peek()
        except BaseException:
            if (slot := rest.get("deployment_slot")) is not None:
                await slot.aclose()
            raise
        wrapped = await self._astream(model_response=watched, **rest)
        wrapped.aclose = _both(wrapped.aclose, watched.aclose)
        return self._handed_over(wrapped, permit)

    def stream(self, *, model_response: Any, first_chunk: Any = None, **rest: Any) -> Any:
        """The same, in synchronous code."""
        permit = _permit_for(model_response)
        if permit is None:
            return self._stream(model_response=model_response, **_given(first_chunk), **rest)
        watched = WatchedStream(model_response, permit, first_chunk, may_be_silent=_may_be_silent())
        watched.peek()
        wrapped = self._stream(model_response=watched, **rest)
        wrapped.close = watched.close
        return self._handed_over(wrapped, permit)

    def _handed_over(self, wrapped: Any, permit: Permit) -> Any:
        """From here on the stream settles its permit; one that is dropped without being closed is noticed too."""
        journey = current.get()
        if journey is not None:
            journey.hand_over()
        self._fleet.watch(wrapped, permit)
        return wrapped


def _permit_for(stream: Any) -> Permit | None:
    """The permit that this stream is to settle. One that LiteLLM made up itself says nothing of the target."""
    journey = current.get()
    if journey is not None and is_made_up(stream):
        journey.leave()
    return None if journey is None else journey.open


def _may_be_silent() -> bool:
    journey = current.get()
    return journey is not None and journey.may_be_silent


def _given(first_chunk: Any) -> dict[str, Any]:
    return {} if first_chunk is None else {"first_chunk": first_chunk}


def _both(first: Any, second: Any) -> Any:
    async def close() -> None:
        try:
            await first()
        finally:
            await second()

    return close


def _overdue(journey: Journey, asked: dict[str, Any]) -> Exception:
    deployment = journey.open.target if journey.open else None
    provider, model = (deployment.provider, deployment.model) if deployment else ("", str(asked.get("model")))
    return Timeout("The deployment has not answered in time.", model=model, llm_provider=provider)
