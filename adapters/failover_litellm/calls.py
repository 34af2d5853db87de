"""One call to a provider, made under our eyes.

Its permit is settled once: by the answer, the error, the stream or the caller who leaves. In asynchronous code a call
is ended when its time is up, and a late one gets another one beside it, at a deployment that LiteLLM offered as well.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litellm.exceptions import Timeout

from failover_litellm import answer_checks, limits, streams
from failover_litellm.deployments import Deployments
from failover_litellm.elsewhere import Elsewhere
from failover_litellm.host import RouterInside, mapping
from failover_litellm.request import RouterRequest, mark
from failover_plugin import Permit
from failover_plugin.adrivers import Limit


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call has brought: a sound response, or a stream of which the first content has come."""

    permit: Permit
    response: Any
    stream: Any = None
    made_up: bool = False
    """Whether LiteLLM has answered by itself: that is no evidence about anybody."""

    async def drop(self) -> None:
        """It came too late."""
        if self.stream is not None:
            await self.stream.aclose()


class Calls:
    """Makes the calls of one router."""

    def __init__(self, inside: RouterInside, deployments: Deployments) -> None:
        self._inside = inside
        self._deployments = deployments

    async def amake(self, request: RouterRequest, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Make the call of the attempt under way; returns what the caller gets. Raises what is wrong with it."""
        permit, beside = request.permit, list[_Answer]()

        async def back_up(another: Permit) -> bool:
            if answer := await self._beside(request, another, call, kwargs):
                beside.append(answer)
            return answer is not None

        try:
            if permit.wait:
                await asyncio.sleep(permit.wait)
            async with permit.race(back_up) as race:
                limit = self._limit(request, kwargs, watched=True)
                try:
                    answer = await self._in_time(race.interruptible(limit), request, permit, call, args, kwargs)
                except Exception as error:
                    if not (race.won and race.limit.expired()):
                        request.failed(error)
                    await race.backup_ended()
                    if not beside:
                        raise
                else:
                    if not beside:
                        return self._answered(request, answer)
                    await answer.drop()
                request.open = beside[0].permit
                return self._answered(request, beside[0])
        finally:
            request.leave()

    def make(self, request: RouterRequest, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """The same, in synchronous code: one call, which its client ends in time."""
        permit = request.permit
        try:
            if permit.wait:
                time.sleep(permit.wait)
            self._limit(request, kwargs, watched=False)
            response = call(*args, **kwargs)
            if inspect.isawaitable(response):
                awaitable, request.open = response, None
                return self._awaited(request, permit, awaitable, kwargs)
            answer = self._taken(request, permit, response, call, kwargs)
            if answer.stream is not None:
                answer.stream.peek()
            return self._answered(request, answer)
        except Exception as error:
            request.failed(error)
            raise
        finally:
            request.leave()

    async def _awaited(self, request: RouterRequest, permit: Permit, response: Any, kwargs: dict[str, Any]) -> Any:
        """The rest of a call whose function turns out to be an asynchronous one."""

        async def call() -> Any:
            return await response

        request.open = permit
        return await self.amake(request, call, (), kwargs)

    async def _beside(
        self, request: RouterRequest, permit: Permit, call: Callable[..., Any], kwargs: Mapping[str, Any]
    ) -> _Answer | None:
        """The same call at another deployment. None if that brings no answer, or one that nobody needs any more."""
        elsewhere = Elsewhere(self._deployments.failover, self._inside, call, kwargs, request.offered)
        try:
            if permit not in elsewhere:
                permit.cancel()
                return None
            arguments, limit = elsewhere.arguments(permit, watched=True)
            _mind_own_limit(request, permit, arguments)
            answer = await self._in_time(Limit(limit), request, permit, call, (), arguments)
        except Exception as error:  # noqa: BLE001 - booked; how the attempt ended, the call that it was beside says
            permit.failure(error)
            return None
        except BaseException:
            permit.cancel()
            raise
        if permit.settled:
            await answer.drop()
            return None
        return answer

    async def _in_time(
        self,
        limit: Limit,
        request: RouterRequest,
        permit: Permit,
        call: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
    ) -> _Answer:
        """One call's answer. Raises what is wrong with it, and LiteLLM's ``Timeout`` when the limit is over."""
        try:
            async with limit:
                answer = self._taken(request, permit, await call(*args, **kwargs), call, kwargs)
                if answer.stream is not None:
                    await answer.stream.peek()
        except Exception as error:
            if limit.expired():
                raise _overdue(permit) from error
            raise
        return answer

    def _limit(self, request: RouterRequest, kwargs: dict[str, Any], *, watched: bool) -> float:
        """Hand the limits to the client; returns the seconds until the call is late."""
        permit = request.permit
        _mind_own_limit(request, permit, kwargs)
        configured = mapping(mapping(request.offered.get(permit.target.id)).get("litellm_params"))
        routers = self._inside.limits(streaming=bool(kwargs.get("stream")))
        return limits.hand_over(permit, kwargs, configured, routers, watched=watched)

    def _taken(
        self,
        request: RouterRequest,
        permit: Permit,
        response: Any,
        call: Callable[..., Any],
        kwargs: Mapping[str, Any],
    ) -> _Answer:
        """What a call has returned: a stream under our eyes, which is to be peeked at next, or a plain answer that is
        sound. Raises what is wrong with a plain one.
        """
        if kwargs.get("mock_response") is not None or streams.is_made_up(response):
            return _Answer(permit, response, made_up=True)
        failover = self._deployments.failover
        goes_on = failover.policy.stream_failover == "resume"
        elsewhere = Elsewhere(failover, self._inside, call, kwargs, request.offered) if goes_on else None
        stream = streams.watch(response, permit, asked=kwargs, resume=elsewhere)
        if stream is None:
            answer_checks.check(response, kwargs)
        return _Answer(permit, response, stream)

    def _answered(self, request: RouterRequest, answer: _Answer) -> Any:
        """What the caller gets."""
        response, stream = answer.response, answer.stream
        if stream is not None:
            self._deployments.watch(stream)
            request.hand_over(stream)
            return stream
        if answer.made_up:
            request.tell(response)
            request.end()
            return response
        request.answered(response)
        return response


def _mind_own_limit(request: RouterRequest, permit: Permit, kwargs: Mapping[str, Any]) -> None:
    """A caller who allows the call less time than we do: if that runs out, it is no whole failure."""
    ours = permit.first_content_timeout if kwargs.get("stream") else permit.timeout
    permit.cut_short = request.limit is not None and request.limit < ours


def _overdue(permit: Permit) -> Exception:
    target = permit.target
    error = Timeout("The deployment has not answered in time.", model=target.model, llm_provider=target.provider)
    mark(error, trail=permit.trail)
    return error
