"""A router's deployments and the core that chooses among them, kept in step."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

from failover_litellm.host import RouterInside, mapping
from failover_litellm.streams import AsyncWatchedStream, WatchedStream
from failover_litellm.streams.reader import Reader
from failover_litellm.targets import Deployment, given_id, ids_of, targets_of
from failover_plugin import ConfigError, Failover, Permit, Policy
from failover_plugin.events import Listener

_log = logging.getLogger(__name__)
_WEIGHTS = ("weight", "rpm", "tpm")


class Deployments:
    """Safe for any number of threads and event loops: LiteLLM asks from whichever it is on."""

    def __init__(self, inside: RouterInside, policy: Policy, on_event: Listener | None = None) -> None:
        """Raises ``ConfigError`` for a deployment whose facts are not understood, and for no deployment at all."""
        self._inside = inside
        self._lock = Lock()
        self._guests: dict[str, Deployment] = {}
        self._version = inside.version
        self._dropped = deque[tuple[Permit, Reader | None]]()
        self._ids: Mapping[str, str] = ids_of(inside.deployments)
        self.failover = Failover(targets_of(inside.deployments), policy, on_event=on_event)
        self._look(inside.deployments)

    def offer(self, deployments: Iterable[Deployment]) -> dict[str, Deployment]:
        """These deployments by the ids of their targets. New and changed ones are made known to the core first."""
        while self._dropped:
            permit, reader = self._dropped.popleft()
            permit.cancel()
            if reader is not None:
                reader.close()
        offered = list(deployments)
        if self._version == self._inside.version:
            try:
                return _by_target(offered, self._ids)
            except KeyError:  # one that is not known yet
                pass
        return _by_target(offered, self._refresh(offered))

    def with_a_share(
        self, offered: Mapping[str, Deployment], model: str | None, asked: Mapping[str, Any]
    ) -> Mapping[str, Deployment]:
        """Those of the offered that LiteLLM's weights give a share of the requests; all, where there are no weights.

        As its shuffle has it: the first of the request's own weights, ``weight``, ``rpm`` and ``tpm`` that anybody has
        counts, and who has none of that gets nothing. Within a tier: who is asked after whom, ``model_info.failover``
        says.
        """
        weights = mapping(asked.get("_router_weights"))
        if not self._weighed and not weights:
            return offered
        named = model if model and (model in weights or self._inside.is_routing_group(model)) else None
        tiers: dict[int, dict[str, Deployment]] = {}
        for target, deployment in offered.items():
            tiers.setdefault(self._tiers.get(target, 0), {})[target] = deployment
        return {t: d for tier in tiers.values() for t, d in _with_a_share(tier, weights, named).items()}

    def later(self, group: str, asked: Mapping[str, Any], offered: Mapping[str, Deployment]) -> Iterable[str]:
        """The targets that LiteLLM may go on to if nobody of what it offers is asked; found when they are looked at."""
        if levels := self._levels.get(group):
            present = max((levels.get(target, 0) for target in offered), default=0)
            yield from (target for target, level in levels.items() if level > present)
        for name in self._inside.groups_after(group, asked.get("fallbacks")):
            yield from self._by_group.get(name, ())

    def target_of(self, given: Any) -> str | None:
        """The id of the target that LiteLLM knows by this id, None for none."""
        return self._ids.get(str(given))

    def drop(self, permit: Permit, reader: Reader | None = None) -> None:
        """Give this permit back, and close this stream, at the next choice: in a collection no lock should be taken."""
        self._dropped.append((permit, reader))

    def watch(self, stream: WatchedStream | AsyncWatchedStream) -> None:
        """Give the stream's permit back, and hang up, if it is dropped unread."""
        stream.failover_watch = _Watch(stream, self.drop)

    def _refresh(self, offered: list[Deployment]) -> Mapping[str, str]:
        """Look at the router again. What it offers without having it, such as a team's own, is remembered."""
        with self._lock:
            version, own = self._inside.version, {given_id(d): d for d in self._inside.deployments}
            self._guests.update({given_id(d): d for d in offered if given_id(d) not in own})
            deployments = [*own.values(), *(d for given, d in self._guests.items() if given not in own)]
            try:
                targets = targets_of(deployments)
            except ConfigError:
                deployments = [_understood(d) for d in deployments]
                targets = targets_of(deployments)
            self.failover.replace_targets(targets)
            self._ids, self._version = ids_of(deployments), version
            self._look(deployments)
            return self._ids

    def _look(self, deployments: list[Deployment]) -> None:
        """Note what a choice needs to know of the deployments."""
        self._tiers = {target.id: target.tier for target in self.failover.targets}
        self._by_group: dict[str, list[str]] = {}
        self._levels: dict[str, dict[str, int]] = {}
        for deployment in deployments:
            group, target = deployment["model_name"], self._ids[given_id(deployment)]
            self._by_group.setdefault(group, []).append(target)
            if isinstance(level := deployment["litellm_params"].get("order"), int):
                self._levels.setdefault(group, {})[target] = level
        self._weighed = any(d["litellm_params"].get(name) is not None for d in deployments for name in _WEIGHTS)


def _by_target(deployments: Iterable[Deployment], ids: Mapping[str, str]) -> dict[str, Deployment]:
    return {ids[given_id(deployment)]: deployment for deployment in deployments}


def _understood(deployment: Deployment) -> Deployment:
    """The deployment, without what the user says of it if that is not understood: requests must not be lost for it."""
    try:
        targets_of([deployment])
    except ConfigError as error:
        _log.warning("%s Until then it is as if nothing were said.", error)
        return {**deployment, "model_info": {**deployment["model_info"], "failover": None}}
    return deployment


def _with_a_share(tier: dict[str, Deployment], weights: Mapping[str, Any], named: str | None) -> dict[str, Deployment]:
    """``named``: the name by which the request gives its weights; None if it is the deployments' own: not an alias."""
    names = {target: named or d["model_name"] for target, d in tier.items()}
    of_the_request = {target: mapping(weights.get(names[target])).get(given_id(d)) for target, d in tier.items()}
    of_theirs = ({target: d["litellm_params"].get(name) for target, d in tier.items()} for name in _WEIGHTS)
    for shares in (of_the_request, *of_theirs):
        if some := {target: tier[target] for target, share in shares.items() if _positive(share)}:
            return some
    return tier


def _positive(share: Any) -> bool:
    return isinstance(share, int | float) and share > 0


class _Watch:
    """Dies with the stream that holds it. Nobody else may hold it: a permit leads, by earlier errors, to the stream.

    LiteLLM closes a stream of which nothing has been read in no other way. In asynchronous code its loop hangs up, at
    once; elsewhere that is done at the next choice.
    """

    def __init__(
        self, stream: WatchedStream | AsyncWatchedStream, drop: Callable[[Permit, Reader | None], None]
    ) -> None:
        self.permit = stream.permit
        """The permit of the attempt under way: a stream that goes on elsewhere takes another one, and a reader."""
        self.reader = stream.reader
        self._drop = drop
        self._loop = asyncio.get_running_loop() if isinstance(stream, AsyncWatchedStream) else None

    def __del__(self) -> None:
        if self.permit.settled:
            return
        if self._loop is None:
            self._drop(self.permit, self.reader)
            return
        try:
            self._loop.call_soon_threadsafe(_hang_up, self.permit, self.reader)
        except RuntimeError:  # the loop is gone
            self._drop(self.permit, None)


_closing: set[asyncio.Task[None]] = set()


def _hang_up(permit: Permit, reader: Reader) -> None:
    permit.cancel()
    task = asyncio.ensure_future(reader.aclose())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
