"""What two sides made of one script, compared; in words by which it can be played again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .asking import WHOLE, Answer
from .script import BUSY, OF_THE_KEY, Ask, Script
from .world import Call

LONG_AGO = 30.0
"""Seconds after which being busy excuses no refusal any more (law 1b)."""
STANDS_FOR = 1.0
"""Seconds for which the refusal of a key stands for other requests, too (law 1e)."""


@dataclass(frozen=True, slots=True)
class Played:
    """One side of one script: what became of each request, the calls at the targets, and the breakers not closed."""

    answers: dict[int, Answer]
    calls: list[Call]
    not_closed: dict[str, str] = field(default_factory=dict[str, str])
    failed: frozenset[str] = frozenset()
    """The targets at which a provider has failed."""

    @property
    def served(self) -> int:
        """How many got a whole answer."""
        return sum(answer.got == WHOLE for answer in self.answers.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with ours, beside theirs."""

    script: Script
    ours: Played
    theirs: Played
    lost: tuple[int, ...]
    """Requests that only the other side served."""
    blamed: dict[str, str]
    """Targets whose breakers were not closed, though no provider failed there."""
    excused: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    """Requests for which LiteLLM had left the group of the one who would have served: it gives no way back."""
    lower: bool = False
    """The share served is lower, in a script where only the share counts."""
    dearer: bool = False
    """There were more calls, in a script that gives no reason for one."""
    strayed: tuple[int, ...] = ()
    """Requests that somebody else answered, in a script that gives no reason to go elsewhere."""

    @property
    def wrong(self) -> list[str]:
        """Each complaint in a sentence; none if all is well."""
        complaints = [self._losing(number) for number in self.lost[:5]]
        if len(self.lost) > len(complaints):
            complaints.append(f"and {len(self.lost) - len(complaints)} more requests")
        complaints += [f"target {name} is innocent and not closed: {why}" for name, why in self.blamed.items()]
        if self.lower:
            complaints.append(f"{self.ours.served} served, {self.theirs.served} without us")
        if self.dearer:
            complaints.append(f"{len(self.ours.calls)} calls, {len(self.theirs.calls)} without us")
        if self.strayed:
            complaints.append(f"{len(self.strayed)} requests were answered by another target than without us")
        return complaints

    def __str__(self) -> str:
        return "\n  ".join([f"{self.script}", *self.wrong])

    def _losing(self, number: int) -> str:
        ask, ours, theirs = self.script.ask(number), self.ours.answers[number], self.theirs.answers[number]
        asked = [
            call.target + (f" ({call.does})" if call.does else "") for call in self.ours.calls if call.number == number
        ]
        return (
            f"request {number} ({ask.way}, at {ask.at:.1f} s): lost after {ours.ended - ours.asked:.1f} s, "
            f"having asked {', '.join(asked) or 'nobody'}: {ours.said[:160]!r}; without us: {theirs.said[:60]!r}"
        )


def compare(script: Script, ours: Played, theirs: Played) -> Verdict:
    """The verdict on one play of each side."""
    pairs = [(number, ours.answers[number], answer) for number, answer in theirs.answers.items()]
    worse = [number for number, mine, other in pairs if other.got > mine.got and not script.by_share]
    excused = {number for number in worse if is_excused(script, script.ask(number), ours, theirs.answers[number])}
    left = {number for number in worse if _has_left(script, number, ours, theirs.answers[number])} - excused
    return Verdict(
        script,
        ours,
        theirs,
        lost=tuple(number for number in worse if number not in excused | left),
        left=tuple(sorted(left)),
        blamed={name: why for name, why in ours.not_closed.items() if name not in _guilty(script, ours)},
        excused=tuple(sorted(excused)),
        lower=script.by_share and ours.served < theirs.served,
        dearer=script.thrifty and len(ours.calls) > len(theirs.calls),
        strayed=tuple(
            n for n, mine, other in pairs if script.at_home and mine.got == other.got and mine.said != other.said
        ),
    )


def judge(script: Script, play: Callable[[Script], tuple[Played, Played]]) -> Verdict:
    """Play both sides, and if something is wrong once more a little later: only what is wrong again counts."""
    first = compare(script, *play(script))
    if not first.wrong:
        return first
    later = script.shifted()
    second = compare(later, *play(later))
    return replace(
        first,
        lost=tuple(number for number in first.lost if _again(script, number, second.lost)),
        blamed={name: why for name, why in first.blamed.items() if name in second.blamed},
        lower=first.lower and second.lower,
        dearer=first.dearer and second.dearer,
        strayed=first.strayed if second.strayed else (),
    )


def _again(script: Script, number: int, lost: tuple[int, ...]) -> bool:
    """Whether a request that was asked at about the same time is lost as well."""
    return any(abs(script.ask(other).at - script.ask(number).at) <= 1.0 for other in lost)


def _guilty(script: Script, played: Played) -> set[str]:
    """Where a provider failed; a key that was refused is refused at all its targets."""
    keys = {
        script.actor(call.target).key
        for call in played.calls
        if call.does in OF_THE_KEY and script.actor(call.target).key
    }
    return set(played.failed) | {actor.name for actor in script.actors if actor.key in keys}


def is_excused(script: Script, ask: Ask, ours: Played, theirs: Answer) -> bool:
    """Whether the law allows that only the other side served this request."""
    answer = ours.answers[ask.number]
    own = [call for call in ours.calls if call.number == ask.number]
    if ask.leaves is not None or any(call.does == "content_policy" for call in own):
        return True
    server = _server(script, theirs)
    return _was_busy(ours, server, answer) or _was_refused(ours, server, answer)


def _server(script: Script, answer: Answer) -> str:
    """Who gave this answer."""
    return next((actor.name for actor in script.actors if actor.text == answer.said), "")


def _has_left(script: Script, number: int, ours: Played, theirs: Answer) -> bool:
    """Whether the request went on to a later group, whose target had not failed before, so that the server of an
    earlier one was not asked.
    """
    if script.layout not in ("groups", "order"):
        return False
    places = {actor.name: place for place, actor in enumerate(script.actors)}
    asked, server = [call.target for call in ours.calls if call.number == number], _server(script, theirs)
    if not asked or server in asked or places.get(server, 0) >= places[asked[-1]]:
        return False
    before = [call for call in ours.calls if call.target == asked[-1] and call.at < ours.answers[number].asked]
    return not (before and before[-1].does)


def _was_busy(ours: Played, name: str, answer: Answer) -> bool:
    """The target said it had too much to do, not long ago, and has a call to answer (law 1b)."""
    said = any(
        call.target == name and call.does in BUSY and answer.asked - LONG_AGO <= call.at <= answer.ended
        for call in ours.calls
    )
    return said and any(
        call.target == name
        and call.number != answer.number
        and call.at <= answer.ended
        and (call.ended is None or call.ended >= answer.asked)
        for call in ours.calls
    )


def _was_refused(ours: Played, name: str, answer: Answer) -> bool:
    """The target's key was refused to somebody else, a moment ago (law 1e)."""
    return any(
        call.target == name and call.does in OF_THE_KEY and answer.asked - STANDS_FOR <= call.at <= answer.ended
        for call in ours.calls
    )


def summary(verdicts: list[Verdict]) -> str:
    """Some verdicts in a line."""
    ours, theirs = [one.ours for one in verdicts], [one.theirs for one in verdicts]
    return (
        f"{len(verdicts)} scripts, {sum(bool(one.wrong) for one in verdicts)} of them wrong; "
        f"{sum(len(side.answers) for side in ours)} requests, "
        f"{sum(side.served for side in ours)} served "
        f"({sum(side.served for side in theirs)} without us), "
        f"{sum(len(one.lost) for one in verdicts)} only without us, "
        f"{sum(len(one.excused) for one in verdicts)} excused, "
        f"{sum(len(one.left) for one in verdicts)} behind a group; "
        f"{sum(len(one.blamed) for one in verdicts)} innocent targets not closed; "
        f"{sum(len(side.calls) for side in ours)} calls ({sum(len(side.calls) for side in theirs)} without us)"
    )
