"""What we do where LiteLLM asks and calls.

It filters, retries, falls back between groups, logs and counts as it always does; the core says who is next, for how
long, whose fault a failure was, and when to stop.

- ``pick``: LiteLLM's question which of the candidates to call. A refusal is raised, and LiteLLM goes to its fallbacks.
- ``around``: a function of LiteLLM's that makes a call to a provider; how it is made under our eyes, ``calls`` says.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from failover_litellm import limits
from failover_litellm.calls import Calls
from failover_litellm.deployments import Deployments
from failover_litellm.host import RouterInside, mapping, named_groups
from failover_litellm.pick import describe, nobody
from failover_litellm.request import Choosing, RouterRequest, chosen, current, routing_metadata
from failover_plugin import ConfigError, Permit, Request

_log = logging.getLogger(__name__)


class NotThisOne(Exception):
    """Says to LiteLLM's loop, in its own marks, that a deployment which it chose by itself is to be left out of this
    request's further tries.
    """

    status_code = 403
    """One that LiteLLM does not try again at the same deployment."""

    def __init__(self, refusal: Exception, given: str) -> None:
        super().__init__(str(refusal))
        self.failed_deployment_id = given


class RouterHooks:
    """Our side of one router's inside."""

    def __init__(self, inside: RouterInside, deployments: Deployments) -> None:
        self._inside = inside
        self._deployments = deployments
        self._failover = deployments.failover
        self._calls = Calls(inside, deployments)
        self._says_its_patience = "patience" in deployments.failover.policy.model_fields_set

    # -- the choice ---------------------------------------------------------------------------------------------------

    async def apick(self, **question: Any) -> Any:
        """The deployment to call; whoever is full, or due back, is waited for in this task. Raises what ends the host's
        loop where the core gives up.
        """
        picking = self._picking(**question)
        try:
            asked = next(picking)
            while True:
                asked = picking.send(await self._failover.aacquire(**asked))
        except StopIteration as picked:
            return picked.value

    def pick(self, **question: Any) -> Any:
        """As ``apick``, in this thread."""
        return chosen(self._picking(**question), partial(self._failover.acquire, blocking=True))

    def _picking(
        self,
        model_group: str,
        healthy_deployments: list[Any],
        messages: Any = None,
        input: Any = None,  # noqa: A002, ARG002 - the host's name
        request_kwargs: Any = None,
        **_: Any,
    ) -> Choosing[Any]:
        asked: Mapping[str, Any] = request_kwargs or {}
        offered = self._deployments.offer(healthy_deployments)
        request, facts = self._request(asked), describe(model_group, messages, asked)
        permit = yield from self._choosing(request, facts, offered, asked)
        if permit is None and model_group in self._named_for(request.latest_error, asked):
            request = self._begin(asked)  # LiteLLM's own fallback for such an error: not for the core to refuse
            permit = yield from self._choosing(request, facts, offered, asked)
        if permit is None:
            raise self._refusal(request, facts, offered, asked)
        request.offered = offered
        if not request.to_be_called:
            request.end()
        return offered[permit.target.id]

    def _choosing(
        self, request: RouterRequest, facts: Request, offered: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> Choosing[Permit | None]:
        """Leave to call one of these. Who has no share by LiteLLM's weights is asked if nobody else can be. A request
        that has failed at a group of one is not given up sooner than LiteLLM by itself would, unless the policy says
        how long its patience is.
        """
        later = self._deployments.later(facts.model or "", asked, offered)
        as_the_host = len(offered) == 1 and request.latest_error is not None and not self._says_its_patience
        patience = self._inside.pauses(asked) if as_the_host else 0.0
        streaming, shared = bool(asked.get("stream")), self._deployments.with_a_share(offered, facts.model, asked)
        if len(shared) == len(offered):
            return (yield from request.choosing(facts, offered, later=later, streaming=streaming, patience=patience))
        permit = yield from request.choosing(facts, shared, later=offered, streaming=streaming)
        return permit or (yield from request.choosing(facts, offered, later=later, streaming=streaming))

    def _request(self, asked: Mapping[str, Any]) -> RouterRequest:
        """The request that this question is about."""
        request = current.get()
        if request is not None and request.continues(asked, counts_late=self._inside.counts_late):
            return request
        return self._begin(asked)

    def _begin(self, asked: Mapping[str, Any]) -> RouterRequest:
        """A request of which nothing is known yet. One before it lets go of a permit for a call that was never made."""
        before, request = current.get(), RouterRequest(self._failover, self._deployments.drop)
        if before is not None and not (before.over or before.calling) and before.mine:
            before.leave()
        request.sign(asked)
        request.limit = limits.own_limit(asked)
        current.set(request)
        return request

    def _refusal(
        self, request: RouterRequest, facts: Request, offered: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> Exception:
        """The first target's error; but an error that LiteLLM has fallbacks of its own for must reach it."""
        latest = request.latest_error
        if latest is not None and self._named_for(latest, asked):
            return latest
        return request.refusal(lambda: nobody(self._failover, facts, offered))

    def _named_for(self, error: Exception | None, asked: Mapping[str, Any]) -> frozenset[str]:
        """The groups that LiteLLM's fallbacks for this very kind of error lead to."""
        kind = _fallback_kind(error)
        if kind is None:
            return frozenset()
        return self._inside.fallback_groups(kind) | named_groups(asked.get(f"{kind}_fallbacks"))

    # -- one call -----------------------------------------------------------------------------------------------------

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function that makes ``call`` under our eyes, and looks like it."""
        if inspect.iscoroutinefunction(call):

            async def acalled(*args: Any, **kwargs: Any) -> Any:
                request = self._attempt(kwargs)
                if request is None:
                    return await call(*args, **kwargs)
                if request.open is not None:
                    request.calling = True
                    try:
                        return await self._calls.amake(request, call, args, kwargs)
                    finally:
                        _called(request)
                with request.unbooked():
                    return await call(*args, **kwargs)

            return _named_like(acalled, call)

        def called(*args: Any, **kwargs: Any) -> Any:
            request = self._attempt(kwargs)
            if request is None:
                return call(*args, **kwargs)
            if request.open is not None:
                request.calling = True
                try:
                    return self._calls.make(request, call, args, kwargs)
                finally:
                    _called(request)
            with request.unbooked():
                return call(*args, **kwargs)

        return _named_like(called, call)

    def _attempt(self, kwargs: dict[str, Any]) -> RouterRequest | None:
        """The request that this call is an attempt of, with a permit for it; None if it is none of ours to judge.

        LiteLLM does not ask us where a deployment is named by its id, nor for some strategies given with the request:
        then leave is taken for that one deployment. If it is refused, the call is made without a permit, as LiteLLM
        would alone; but where it would repeat a failure of this request, that failure is raised.
        """
        info = mapping(kwargs.get("model_info"))
        given = info.get("id")
        if given is None:
            return None
        target, request = self._deployments.target_of(given), current.get()
        if target is None:
            if request is not None and self._deployments.target_of(info.get("original_model_id")) is not None:
                request.set_aside()
            return None
        if request is not None and request.covers(target, kwargs):
            return request
        self._keep()  # we were not asked: perhaps LiteLLM has built a selector of its own
        request = self._request(kwargs)
        facts = describe(str(routing_metadata(kwargs).get("model_group") or kwargs.get("model")), None, kwargs)
        choosing = request.choosing(facts, (target,), streaming=bool(kwargs.get("stream")))
        permit = chosen(choosing, self._failover.acquire)
        if permit is None and request.latest_error is not None:
            refused = request.refusal(lambda: nobody(self._failover, facts, (target,)))
            raise NotThisOne(refused, str(given)) if request.has_more_tries() else refused
        return request

    def _keep(self) -> None:
        """Have our choice in place for the next request, if it can be had; this one's call is made all the same."""
        try:
            self._inside.keep(self)
        except ConfigError as missing:
            _log.warning("LiteLLM chooses by itself now: %s", missing)


def _called(request: RouterRequest) -> None:
    """A call of this request is over: whatever else was asked meanwhile, it is this task's request again."""
    request.calling = False
    current.set(request)


def _fallback_kind(error: Exception | None) -> str | None:
    """The kind of LiteLLM's fallbacks, ``"content_policy"`` or ``"context_window"``, that is for this error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "ContentPolicyViolationError" in names:
        return "content_policy"
    return "context_window" if "ContextWindowExceededError" in names else None


def _named_like(wrapper: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """LiteLLM tells its functions by their names."""
    wrapper.__name__ = getattr(call, "__name__", "call")
    wrapper.__module__ = getattr(call, "__module__", "litellm")
    return wrapper
