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
from failover_plugin import EmptyResponse, Permit
from failover_plugin.adrivers import Limit


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call has brought: a response, or a stream of which the first content, or an empty end, has come."""

    permit: Permit
    response: Any
    stream: Any = None
    made_up: bool = False
    """Whether LiteLLM has answered by itself: that is no evidence about anybody."""

    async def adrop(self) -> None:
        """Nobody needs it."""
        if self.stream is not None:
            await self.stream.aclose()

    def drop(self) -> None:
        """Nobody needs it."""
        if self.stream is not None:
            self.stream.close()


class Calls:
    """Makes the calls of one router."""

    def __init__(self, inside: RouterInside, deployments: Deployments) -> None:
        self._inside = inside
        self._deployments = deployments

    async def amake(self, request: RouterRequest, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Make the call of the attempt under way; returns what the caller gets. Raises what is wrong with it."""
        beside: list[_Answer] = []
        empty: list[_Answer] = []
        permit = request.permit

        async def back_up(another: Permit) -> bool:
            if answer := await self._beside(request, another, call, kwargs, empty):
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
                    if not (race.won and race.limit and race.limit.expired()):
                        request.failed(error)
                        _keep(error, empty)
                    await race.backup_ended()
                    if not (beside or empty):
                        raise
                else:
                    if not beside:
                        return self._answered(request, answer)
                    await answer.adrop()
                answer = beside[0] if beside else await self._more_than(empty, request, call, kwargs)
                request.open = answer.permit
                return self._answered(request, answer)
        finally:
            request.leave()
            for one in empty:
                await one.adrop()

    def make(self, request: RouterRequest, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """The same, in synchronous code: one call, which its client ends in time."""
        empty: list[_Answer] = []
        permit = request.permit
        try:
            if permit.wait:
                time.sleep(permit.wait)
            self._limit(request, kwargs, watched=False)
            response = call(*args, **kwargs)
            if inspect.isawaitable(response):
                awaitable, request.open = response, None
                return self._awaited(request, permit, awaitable, kwargs)
            return self._answered(request, self._looked_at(request, permit, response, call, kwargs))
        except Exception as error:
            request.failed(error)
            if not _keep(error, empty):
                raise
            answer = self._more_than_sync(empty[0], request, call, kwargs)
            request.open = answer.permit
            return self._answered(request, answer)
        finally:
            request.leave()

    async def _awaited(self, request: RouterRequest, permit: Permit, response: Any, kwargs: dict[str, Any]) -> Any:
        """The rest of a call whose function turns out to be an asynchronous one."""

        async def call() -> Any:
            return await response

        request.open = permit
        return await self.amake(request, call, (), kwargs)

    # -- the same call at another deployment --------------------------------------------------------------------------

    async def _more_than(
        self, empty: list[_Answer], request: RouterRequest, call: Callable[..., Any], kwargs: Mapping[str, Any]
    ) -> _Answer:
        """What another deployment has to say, if the core has one asked, and if it says more than the first of these
        answers, which say nothing; else that answer, and the others are left.
        """
        first = empty[0]
        if another := request.another():
            answer = await self._beside(request, another, call, kwargs, empty)
            if answer is not None:
                return answer
        first.permit.exhausted()  # for the trail: it has answered the request
        empty.remove(first)
        return first

    def _more_than_sync(
        self, first: _Answer, request: RouterRequest, call: Callable[..., Any], kwargs: Mapping[str, Any]
    ) -> _Answer:
        if another := request.another():
            answer = self._after(request, another, call, kwargs)
            if answer is not None:
                first.drop()
                return answer
        first.permit.exhausted()
        return first

    def _after(
        self, request: RouterRequest, permit: Permit, call: Callable[..., Any], kwargs: Mapping[str, Any]
    ) -> _Answer | None:
        """As ``_beside``, in synchronous code."""
        elsewhere, empty = self._elsewhere(request, call, kwargs), list[_Answer]()
        try:
            if permit not in elsewhere:
                permit.cancel()
                return None
            arguments, _ = elsewhere.arguments(permit, watched=False)
            _mind_own_limit(request, permit, arguments)
            return self._looked_at(request, permit, call(**arguments), call, arguments)
        except Exception as error:  # noqa: BLE001 - booked; the caller gets the answer that said nothing
            permit.failure(error)
            if _keep(error, empty):
                empty[0].drop()
            return None
        except BaseException:
            permit.cancel()
            raise

    async def _beside(
        self,
        request: RouterRequest,
        permit: Permit,
        call: Callable[..., Any],
        kwargs: Mapping[str, Any],
        empty: list[_Answer],
    ) -> _Answer | None:
        """The same call at another deployment. None if that brings no answer, or one that nobody needs any more; one
        that says nothing goes to the ``empty`` ones.
        """
        elsewhere = self._elsewhere(request, call, kwargs)
        try:
            if permit not in elsewhere:
                permit.cancel()
                return None
            arguments, limit = elsewhere.arguments(permit, watched=True)
            _mind_own_limit(request, permit, arguments)
            answer = await self._in_time(Limit(limit), request, permit, call, (), arguments)
        except Exception as error:  # noqa: BLE001 - booked; how the attempt ended, the call that it was beside says
            permit.failure(error)
            _keep(error, empty)
            return None
        except BaseException:
            permit.cancel()
            raise
        if permit.settled:
            await answer.adrop()
            return None
        return answer

    def _elsewhere(self, request: RouterRequest, call: Callable[..., Any], kwargs: Mapping[str, Any]) -> Elsewhere:
        return Elsewhere(self._deployments.failover, self._inside, call, kwargs, request.offered)

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

    def _looked_at(
        self,
        request: RouterRequest,
        permit: Permit,
        response: Any,
        call: Callable[..., Any],
        kwargs: Mapping[str, Any],
    ) -> _Answer:
        """The answer of a synchronous call. Raises what is wrong with it."""
        answer = self._taken(request, permit, response, call, kwargs)
        if answer.stream is not None:
            answer.stream.peek()
        return answer

    def _limit(self, request: RouterRequest, kwargs: dict[str, Any], *, watched: bool) -> float:
        """Hand the limits to the client; returns the seconds until the call is late."""
        permit = request.permit
        _mind_own_limit(request, permit, kwargs)
        deployment = request.offered.get(permit.target.id)
        configured = mapping(deployment["litellm_params"] if deployment else None)
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
        goes_on = self._deployments.failover.policy.stream_failover == "resume"
        elsewhere = self._elsewhere(request, call, kwargs) if goes_on else None
        stream = streams.watch(response, permit, asked=kwargs, resume=elsewhere)
        return _Answer(permit, response, stream) if stream else _sound(_Answer(permit, response), kwargs)

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


def _sound(answer: _Answer, kwargs: Mapping[str, Any]) -> _Answer:
    """The plain answer, if it is one. Raises what is wrong with it."""
    try:
        if not answer_checks.check(answer.response, kwargs):
            answer.permit.without_content()
    except EmptyResponse as empty:
        if mapping(getattr(answer.response, "_hidden_params", None)).get("cache_hit"):
            return answer
        empty.answer = answer
        raise
    return answer


def _keep(error: Exception, empty: list[_Answer]) -> bool:
    """Put the answer that says nothing to the others, if the error, which has been booked, is about one."""
    if not isinstance(error, EmptyResponse) or error.answer is None:
        return False
    answer, error.answer = error.answer, None  # else the permit would lead to the answer, and so to itself
    empty.append(answer if isinstance(answer, _Answer) else _Answer(answer.permit, answer, answer))
    return True


def _mind_own_limit(request: RouterRequest, permit: Permit, kwargs: Mapping[str, Any]) -> None:
    """A caller who allows the call less time than we do: if that runs out, it is no whole failure."""
    if request.limit is not None:
        ours = permit.first_content_timeout if kwargs.get("stream") else permit.timeout
        permit.cut_short = request.limit < ours


def _overdue(permit: Permit) -> Exception:
    target = permit.target
    error = Timeout("The deployment has not answered in time.", model=target.model, llm_provider=target.provider)
    mark(error, trail=permit.trail)
    return error
