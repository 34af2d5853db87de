"""Who of a fleet is fit for what, kept up to date with every event, so that a choice never looks at all of them.

Each tier keeps one bit set for each grade (an int: a set of ten thousand is 1.3 kB, and ``&`` is a memory copy) and a
dense array of its ready targets (swap-remove, so a uniform draw takes constant time). What changes by the mere passing
of time (an opening that ends, a suspicion that fades) waits in a heap by its time and is looked at when that has come.

Changed only by ``FleetHealth``, under its lock. Told the time, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import compress, groupby
from math import inf
from random import Random

from failover_plugin.model import Target
from failover_plugin.standing import Counts, Grade, Standing

TRIES = 16
"""Draws that find two who fit, if at least a third do, all but surely."""
SPARSE = 16
"""Bits of a set up to which it is quicker to look for each than to look at all places."""
_TRUTH = bytes.maketrans(b"01", b"\0\1")
EVERYBODY = -1
"""A bit set with all bits."""


class Candidates:
    """The targets that a strategy may choose from, in the order they were given: at least one."""

    __slots__ = ("mask", "tier")

    def __init__(self, tier: Tier, mask: int) -> None:
        self.tier = tier
        self.mask: int = mask

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __iter__(self) -> Iterator[Standing]:
        if self.mask.bit_count() <= SPARSE:
            return map(self.tier.standings.__getitem__, bits(self.mask))
        return compress(self.tier.standings, f"{self.mask:b}"[::-1].encode().translate(_TRUTH))

    def first(self) -> Standing:
        """The first in order."""
        mask = self.mask
        return self.tier.standings[(mask & -mask).bit_length() - 1]

    def after(self, index: int) -> Standing:
        """The first in order whose index is greater than this, or the very first."""
        later = self.mask >> (index + 1)
        if later:
            return self.tier.standings[index + (later & -later).bit_length()]
        return self.first()

    def pair(self, rng: Random, *, weighed: bool = True) -> tuple[Standing, Standing]:
        """Two different ones, drawn at random, by their weights if so told; the same twice if it is the only one.

        Of the tier's ready ones some are drawn until two fit, which most do: listing them all takes long for thousands.
        """
        found: list[Standing] = []
        mask, dense = self.mask, self.tier.dense
        heaviest = self.tier.heaviest if weighed else 0.0
        for _ in range(TRIES if len(dense) > TRIES else 0):
            drawn = dense[int(rng.random() * len(dense))]
            if heaviest and rng.random() * heaviest >= drawn.weight:
                continue
            if mask >> drawn.index & 1 and drawn not in found:
                found.append(drawn)
                if len(found) == 2:
                    return found[0], found[1]
        return self._from(self._listed(), rng, heaviest)

    def _listed(self) -> Sequence[Standing]:
        """All of them: of few by hand, which takes half the time of ``list(self)``."""
        found: list[Standing] = []
        mask, standings = self.mask, self.tier.standings
        if mask.bit_count() > SPARSE:
            return list(self)
        while mask:
            low = mask & -mask
            found.append(standings[low.bit_length() - 1])
            mask ^= low
        return found

    def draw(self, rng: Random) -> Standing:
        """One, drawn at random, whatever its weight."""
        return self.pair(rng, weighed=False)[0]

    @staticmethod
    def _from(pool: Sequence[Standing], rng: Random, heaviest: float) -> tuple[Standing, Standing]:
        count = len(pool)
        if count == 1:
            return pool[0], pool[0]
        random = rng.random
        if heaviest:
            first = second = _weighed(pool, rng, heaviest)
            for _ in range(TRIES):
                if (second := _weighed(pool, rng, heaviest)) is not first:
                    return first, second
            return first, pool[pool.index(first) - 1]
        one, other = int(random() * count), int(random() * (count - 1))
        return pool[one], pool[other if other < one else other + 1]


def _weighed(pool: Sequence[Standing], rng: Random, heaviest: float) -> Standing:
    """One of these, drawn by its weight: others are drawn until one is accepted."""
    drawn = pool[0]
    for _ in range(4 * TRIES):
        drawn = pool[int(rng.random() * len(pool))]
        if rng.random() * heaviest < drawn.weight:
            break
    return drawn


class Tier(Candidates):
    """The targets of one tier; as candidates, all that are ready."""

    __slots__ = (
        "_first",
        "cursor",
        "degraded",
        "dense",
        "full",
        "heaviest",
        "members",
        "number",
        "out",
        "probes",
        "standings",
    )

    def __init__(self, number: int, standings: list[Standing]) -> None:
        super().__init__(self, 0)
        self.number = number
        self.standings = standings
        """Of all tiers: indices are the same everywhere."""
        self.members = 0
        self.probes = self.degraded = self.full = self.out = 0
        self.dense: list[Standing] = []
        self._first: Standing | None = None
        self.heaviest = 0.0
        """The greatest weight, 0 where all are equal: then nothing need be weighed."""
        self.cursor = -1
        """Index of the target that was chosen last."""

    @property
    def ready(self) -> int:
        """The set of those asked as a matter of course."""
        return self.mask

    def first(self) -> Standing:
        """The first ready one in order."""
        if self._first is None:
            self._first = super().first()
        return self._first

    def pair(self, rng: Random, *, weighed: bool = True) -> tuple[Standing, Standing]:
        """Two different ready ones, drawn at random, by their weights if so told."""
        return self._from(self.dense, rng, self.heaviest if weighed else 0.0)

    def join(self, standing: Standing) -> None:
        """A new member, not fit for anything yet."""
        self.members |= 1 << standing.index
        self.out |= 1 << standing.index

    def move(self, standing: Standing, grade: Grade) -> None:
        """Put a member where its new grade belongs."""
        self._toggle(standing, standing.grade)
        standing.grade = grade
        self._toggle(standing, grade)

    def _toggle(self, standing: Standing, grade: Grade) -> None:
        bit = 1 << standing.index
        match grade:
            case Grade.READY:
                self.mask ^= bit
                self._first = None
                self._list(standing)
            case Grade.PROBE:
                self.probes ^= bit
            case Grade.DEGRADED:
                self.degraded ^= bit
            case Grade.FULL:
                self.full ^= bit
            case _:
                self.out ^= bit

    def _list(self, standing: Standing) -> None:
        dense, place = self.dense, standing.place
        if place < 0:
            standing.place = len(dense)
            dense.append(standing)
            return
        last = dense.pop()
        if last is not standing:
            dense[place] = last
            last.place = place
        standing.place = -1


class Roster:
    """All targets of a fleet, by tier and by what they are fit for."""

    __slots__ = ("by_id", "due", "everybody", "seen", "standings", "tiers", "unready")

    def __init__(self, targets: Iterable[Target], known: dict[str, Counts]) -> None:
        """``targets`` are in the order of their tiers; ``known`` are the counters of those that stay."""
        self.standings: list[Standing] = []
        self.by_id: dict[str, Standing] = {}
        self.tiers: list[Tier] = []
        self.due: list[tuple[float, int]] = []
        self.seen = -inf
        """The latest time looked at: a host that will wait looks ahead, and what it saw is not yet so for others."""
        for number, members in groupby(targets, key=lambda target: target.tier):
            tier, targets_of_tier = Tier(number, self.standings), list(members)
            self.tiers.append(tier)
            weights = {target.weight for target in targets_of_tier}
            tier.heaviest = max(weights) if len(weights) > 1 else 0.0
            for target in targets_of_tier:
                counts = known.get(target.id) or Counts()
                price = 1.0 if target.cost is None else target.cost
                standing = Standing(
                    target=target,
                    id=target.id,
                    weight=target.weight,
                    price=price,
                    index=len(self.standings),
                    tier=tier,
                    counts=counts,
                )
                standing.disabled = not target.enabled
                tier.join(standing)
                self.standings.append(standing)
                self.by_id[target.id] = standing
        self.everybody = (1 << len(self.standings)) - 1
        """All targets as a bit set."""
        self.unready = len(self.standings)
        """How many are not ready."""

    def review(self, standing: Standing, now: float) -> None:
        """Something happened to this target: put it where it belongs now."""
        grade, due = standing.assess(now)
        if due != standing.due:
            standing.due = due
            if due < inf:
                heappush(self.due, (due, standing.index))
                if len(self.due) > 64 + 4 * len(self.standings):
                    self._clean()
        standing.guarded = (
            grade is not Grade.READY
            or standing.limit is not None
            or standing.rates is not None
            or standing.target.max_parallel is not None
        )
        if grade is not standing.grade:
            self.unready += (grade is not Grade.READY) - (standing.grade is not Grade.READY)
            standing.tier.move(standing, grade)

    def catch_up(self, now: float) -> None:
        """Look at everybody whose time has come."""
        due = self.due
        self.seen = max(self.seen, now)
        while due and due[0][0] <= now:
            at, index = heappop(due)
            standing = self.standings[index]
            if standing.due == at:
                standing.due = inf
                self.review(standing, now)

    def look_again(self) -> None:
        """What was under way is not any more: look at everybody before the next choice."""
        for standing in self.standings:
            standing.due = -inf
        self._clean()

    def mask_of(self, ids: Iterable[str]) -> int:
        """These targets as a bit set; who is not here is left out."""
        mask = 0
        for target_id in ids:
            if standing := self.by_id.get(target_id):
                mask |= 1 << standing.index
        return mask

    def _clean(self) -> None:
        self.due = [(s.due, s.index) for s in self.standings if s.due < inf]
        heapify(self.due)


def bits(mask: int) -> Iterator[int]:
    """The indices in a bit set, in order."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
