"""Who of a fleet is asked: first whom a request excludes, then who is fit, then whom the strategy prefers.

The order is: a target due for a test, if it ranks no lower than whoever else would be asked; the healthy ones of the
first tier that has any, by strategy; the degraded ones, by cost. A request's exclusions are absolute: a target they
rule out is not asked, neither first nor as a fallback, backup, test or last resort.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from copy import copy
from functools import cache, partial
from math import inf
from random import Random

from failover_plugin.model import ErrorClass, Request, Skip, Target
from failover_plugin.policy import Policy
from failover_plugin.roster import EVERYBODY, Candidates, Roster, Tier
from failover_plugin.standing import Standing, refusal
from failover_plugin.strategy import (
    STRATEGIES,
    Strategy,
    affinity,
    expense,
    rendezvous,
    round_robin,
    sticky,
    strategy_of,
)

REMEMBERED = 10_000
"""Sessions whose target is remembered at most."""
CACHE_LIFE = 300.0
"""Seconds without a request after which a session may move: prompt caches live about five minutes."""
LISTED = 64
"""Targets whose order is foretold at most."""
KINDS = 256
"""Kinds of requests (by tags and needs) whose possible targets are remembered at most."""

_FORGETFUL = tuple(each for each in STRATEGIES.values() if each not in (affinity, round_robin, sticky))
_Kind = tuple[frozenset[str], frozenset[str], frozenset[str]]


class Selection:
    """Chooses targets of one roster. Used under the lock of its ``FleetHealth``; told the time."""

    def __init__(self, roster: Roster, policy: Policy, sessions: Sessions) -> None:
        self.roster = roster
        self._spill = policy.degraded_spill
        self._keeps = not policy.auto_rotate
        self._desperate = policy.last_resort != "off"
        self._strategy: Strategy = strategy_of(policy.strategy)
        self._sessions = sessions if self._strategy is affinity else None
        self.follows = self._keeps or self._strategy not in _FORGETFUL
        """Whether who is asked next depends on who was asked last."""
        self._kinds: dict[_Kind, int] = {}
        windows = sorted({t.context_window for t in map(_target, roster.standings) if t.context_window})
        self._windows = windows
        self._roomy = [roster.mask_of(s.id for s in roster.standings if _fits(s.target, w)) for w in windows]
        self._boundless = roster.mask_of(s.id for s in roster.standings if s.target.context_window is None)

    def allowed(self, request: Request) -> int:
        """The targets that the request may go to at all, as a bit set."""
        mask = 1 << self.kept.index if self._keeps else EVERYBODY
        if request.needs or request.require_tags or request.forbid_tags:
            mask &= self._of_kind(request)
        if self._windows and (tokens := _tokens(request)):
            place = bisect_left(self._windows, tokens)
            mask &= self._roomy[place] if place < len(self._windows) else self._boundless
        return mask

    def choose(self, free: int, request: Request, rng: Random, now: float) -> Standing | None:
        """The best of these that can be asked, or None if nobody can."""
        if self._sessions is not None and (home := self._home(free, request, now)):
            return home
        test: Standing | None = None
        worse: Candidates | None = None
        for tier in self.roster.tiers:
            if tier.probes and test is None and (mask := tier.probes & free):
                test = Candidates(tier, mask).first()
            ready = tier if free == EVERYBODY and tier.mask else _among(tier, tier.mask & free)
            if ready is not None:  # not its truth, which would count them
                return test or self._strategy(ready, request, rng, now)
            if tier.degraded and worse is None:
                worse = _among(tier, tier.degraded & free)
                if worse is not None and not self._spill:
                    break
        if test is None and worse is not None:
            return min(worse, key=lambda standing: expense(standing, now))
        return test

    def choose_backup(self, free: int, request: Request, rng: Random, now: float) -> Standing | None:
        """The best healthy one of these: a backup is no test."""
        for tier in self.roster.tiers:
            if (ready := _among(tier, tier.mask & free)) is not None:
                return self._strategy(ready, request, rng, now)
        return None

    def went_to(self, standing: Standing, request: Request, now: float) -> None:
        """This one was asked as a matter of course, as neither a test nor a backup: what strategies go on from."""
        standing.tier.cursor = standing.index
        if self._sessions is not None and request.affinity is not None:
            self._sessions.stay(request.affinity, standing.id, now)

    @property
    def kept(self) -> Standing:
        """The target of the first tier that ``auto_rotate=False`` keeps to, well or not."""
        tier = self.roster.tiers[0]
        return Candidates(tier, tier.members).after(max(tier.cursor, 0) - 1)

    def rotate(self, now: float) -> None:
        """What goes round, or keeps to a target, goes on after the one whose turn it is; a test is nobody's turn."""
        present, tier = self.kept, next((tier for tier in self.roster.tiers if tier.ready), None)
        if tier and not self._keeps:
            present = self._strategy(tier, Request(), Random(0), now)  # noqa: S311 - a throw-away, as in ``outlook``
        present.tier.cursor = present.index + (self._strategy is sticky or self._keeps)

    def outlook(self, request: Request, now: float) -> tuple[list[Standing], list[Skip]]:
        """The order in which targets would be asked if each failed, the first 64 of them, and those that would not be;
        takes nothing.
        """
        roster, rng = self.roster, Random(0)  # noqa: S311 - a throw-away, so that looking changes no later decision
        free, order = self.allowed(request) & roster.everybody, list[Standing]()
        looking = copy(self)
        if self._strategy is affinity:
            looking._strategy = partial(affinity, rank=cache(rendezvous))  # noqa: SLF001 - each is ranked only once
        while len(order) < LISTED and (standing := looking.choose(free, request, rng, now)):
            order.append(standing)
            free &= ~(1 << standing.index)
        ordered = {s.id for s in order}
        if not order and self._desperate:
            able = [s for s in roster.standings if free >> s.index & 1 and not s.disabled and s.due < inf]
            order = sorted(able, key=lambda s: (s.counts.in_flight, s.due, s.index))
        left = [s for s in roster.standings if s.id not in ordered]
        reasons = ((s, excluded(s.target, request)) for s in left)
        skips = [Skip(target=s.id, reason=reason) if reason else refusal(s, now) for s, reason in reasons]
        return order, [skip for skip in skips if skip]

    def _home(self, free: int, request: Request, now: float) -> Standing | None:
        """The target that the request's session is at, if it is well."""
        if self._sessions is None or request.affinity is None:
            return None
        home = self.roster.by_id.get(self._sessions.home(request.affinity, now) or "")
        return home if home and home.ready and free >> home.index & 1 else None

    def _of_kind(self, request: Request) -> int:
        kind = request.require_tags, request.forbid_tags, request.needs
        mask = self._kinds.get(kind)
        if mask is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            fit = (s.id for s in self.roster.standings if _unfit(s.target, request) is None)
            mask = self._kinds[kind] = self.roster.mask_of(fit)
        return mask


class Sessions:
    """Where each session is at home, so that it does not move back in the middle of a conversation."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def home(self, session: str, now: float) -> str | None:
        """The id of the target that the session was at lately."""
        target_id, seen = self._homes.get(session, (None, now))
        return target_id if now - seen < CACHE_LIFE else None

    def stay(self, session: str, target_id: str, now: float) -> None:
        """The session is at this target now."""
        self._homes[session] = target_id, now
        self._homes.move_to_end(session)
        if len(self._homes) > REMEMBERED:
            self._homes.popitem(last=False)


def excluded(target: Target, request: Request) -> str | None:
    """Why this request must not go to this target, or None if it may."""
    tokens, window = _tokens(request), target.context_window
    if window is not None and tokens > window:
        return _unfit(target, request) or f"its window of {window} tokens is too small for {tokens}"
    return _unfit(target, request)


def incapable(target: Target, failed: Target, error_class: ErrorClass) -> str | None:
    """Why this target could do no better with what ``failed`` could not take, or None if it might.

    What is not known is assumed in the request's favour, unless it is the same model of the same provider.
    """
    same = target.provider == failed.provider and target.model == failed.model
    match error_class:
        case ErrorClass.CONTEXT_WINDOW if _no_larger(target.context_window, failed.context_window, same=same):
            return "its window is not larger"
        case ErrorClass.PAYLOAD_TOO_LARGE if same and not _larger(target.tpm, failed.tpm):
            return "its limit is not known to be larger"
        case ErrorClass.UNSUPPORTED if same:
            return "is the same model"
        case _:
            return None


def _unfit(target: Target, request: Request) -> str | None:
    if missing := request.require_tags - target.tags:
        return f"lacks the required tag {_listed(missing)}"
    if forbidden := request.forbid_tags & target.tags:
        return f"carries the forbidden tag {_listed(forbidden)}"
    if target.capabilities and (lacking := request.needs - target.capabilities):
        return f"lacks {_listed(lacking)}"
    return None


def _among(tier: Tier, mask: int) -> Candidates | None:
    return Candidates(tier, mask) if mask else None


def _target(standing: Standing) -> Target:
    return standing.target


def _tokens(request: Request) -> int:
    return (request.input_tokens or 0) + (request.output_tokens or 0)


def _fits(target: Target, tokens: int) -> bool:
    return target.context_window is None or target.context_window >= tokens


def _no_larger(one: int | None, other: int | None, *, same: bool) -> bool:
    """Whether one window is known to be no larger than the other, or is the very same model's."""
    return same and not _larger(one, other) if one is None or other is None else one <= other


def _larger(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one > other


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
