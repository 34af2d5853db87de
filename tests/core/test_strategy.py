"""Who is asked within a tier."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import target, tier
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin import Failover, Target
from failover_plugin.model import Request
from failover_plugin.roster import EVERYBODY, Candidates
from failover_plugin.standing import Standing
from failover_plugin.strategy import STRATEGIES, expense


def fleet(strategy: Any, *targets: Any, **policy: Any) -> Stage:
    return Stage(*(targets or tier(3)), strategy=strategy, **policy)


def tally(stage: Stage, draws: int = 3000, **facts: Any) -> Counter[str]:
    return Counter(stage.asks(draws, **facts))


def drawn(stage: Stage, draws: int = 300) -> Counter[str]:
    """Who would be asked, as things are; nothing is asked."""
    rng, choose = Random(3), stage.health.selection.choose
    chosen = (choose(EVERYBODY, Request(), rng, stage.now) for _ in range(draws))
    return Counter(standing.id for standing in chosen if standing)


def busy(stage: Stage, target_id: str, calls: int) -> None:
    for _ in range(calls):
        stage.admit(target_id)


def test_every_strategy_that_a_policy_can_name_exists() -> None:
    names = "p2c sequential sticky round_robin random weighted least_busy cost affinity"
    assert set(STRATEGIES) == set(names.split())


class TestSequential:
    """The first that can."""

    def test_is_the_first_until_it_dies_and_again_when_it_is_back(self) -> None:
        stage = fleet("sequential")
        assert stage.asks(3) == "aaa"
        stage.trip("a")
        assert stage.asks(3) == "bbb"
        stage.now += 3
        assert stage.asks(3) == "aaa"


class TestSticky:
    """The same as last time, as long as it can."""

    def test_starts_with_the_first(self) -> None:
        assert fleet("sticky").asks(3) == "aaa"

    def test_does_not_come_back_by_itself(self) -> None:
        stage = fleet("sticky")
        assert stage.asks() == "a"
        stage.trip("a")
        assert stage.asks(2) == "bb"
        stage.now += 60
        assert stage.asks(3) == "abb"

    def test_goes_round_at_the_end(self) -> None:
        stage = fleet("sticky")
        stage.trip("a")
        stage.trip("b")
        assert stage.asks() == "c"
        stage.now += 1000
        stage.asks(2)
        stage.trip("c")
        assert stage.asks() == "a"

    def test_is_not_moved_by_a_backup(self) -> None:
        stage = fleet("sticky")
        lease = stage.pick()
        backup = stage.pick(0b110, backup=True)
        assert lease is not None
        assert backup is not None
        assert backup.standing.id == "b"
        assert stage.asks(2) == "aa"

    def test_moves_on_by_hand(self) -> None:
        stage = fleet("sticky")
        asked = stage.asks()
        for _ in range(3):
            stage.health.selection.rotate(stage.now)
            asked += stage.asks(2)
        assert asked == "abbccaa"


class TestRoundRobin:
    """The next in order after the one asked last."""

    def test_goes_round(self) -> None:
        assert fleet("round_robin").asks(7) == "abcabca"

    def test_leaves_out_who_cannot(self) -> None:
        stage = fleet("round_robin")
        stage.trip("b")
        assert stage.asks(4) == "acac"

    def test_is_even_whoever_dies(self) -> None:
        stage = fleet("round_robin", *tier(5))
        stage.trip("c")
        assert tally(stage, 400) == dict.fromkeys("abde", 100)

    def test_one_turn_is_left_out_by_hand(self) -> None:
        stage = fleet("round_robin")
        assert stage.asks() == "a"
        stage.health.selection.rotate(stage.now)
        assert stage.asks(2) == "ca"

    def test_each_tier_has_a_turn_of_its_own(self) -> None:
        stage = fleet("round_robin", target("a"), target("b"), target("c", 1), target("d", 1))
        assert stage.asks() == "a"
        for each in "ab":
            stage.trip(each)
        assert stage.asks(3) == "cdc"
        stage.now += 1000
        stage.asks(4)
        assert sorted(stage.asks(2)) == ["a", "b"]


class TestChance:
    """``random`` and ``weighted``."""

    def test_random_is_any(self) -> None:
        counts = tally(fleet("random"))
        assert set(counts) == set("abc")
        assert all(900 < count < 1100 for count in counts.values())

    def test_weighted_is_as_often_as_the_weight_says(self) -> None:
        counts = tally(fleet("weighted", target("a", weight=6.0), target("b", weight=3.0), target("c")))
        assert counts["a"] == pytest.approx(1800, rel=0.1)
        assert counts["b"] == pytest.approx(900, rel=0.1)

    @pytest.mark.parametrize("strategy", ["random", "weighted", "p2c"])
    def test_the_dead_are_never_drawn(self, strategy: str) -> None:
        stage = fleet(strategy, *tier(5))
        stage.trip("b")
        stage.trip("e")
        assert set(drawn(stage)) == set("acd")

    @pytest.mark.parametrize("strategy", ["random", "weighted", "p2c"])
    def test_the_seed_decides(self, strategy: str) -> None:
        one, other, third = (fleet(strategy, *tier(8), seed=seed).asks(60) for seed in (1, 1, 2))
        assert one == other != third


class TestP2C:
    """The cheaper of two drawn at random."""

    def test_prefers_the_less_busy(self) -> None:
        stage = fleet("p2c", *tier(2))
        busy(stage, "a", 1)
        assert tally(stage, 300) == {"b": 300}

    def test_prefers_the_less_failing(self) -> None:
        stage = fleet("p2c", *tier(2))
        stage.fail("a")
        assert tally(stage, 300) == {"b": 300}

    def test_prefers_the_faster(self) -> None:
        stage = fleet("p2c", *tier(2))
        stage.acquaint("a", 0.9, 5)
        stage.acquaint("b", 0.4, 5)
        assert tally(stage, 300) == {"b": 300}

    def test_a_peak_fades_so_that_the_slow_are_tried_again(self) -> None:
        stage = fleet("p2c", *tier(2))
        stage.acquaint("b", 0.4, 60)
        stage.acquaint("a", 0.3, 60)
        stage.stream("a", 3.0)
        assert stage.asks() == "b"
        stage.now += 120
        assert stage.asks() == "a"

    def test_holds_a_callers_own_mistake_against_nobody(self) -> None:
        stage = fleet("p2c", *tier(2))
        stage.fail("a", "context_window")
        assert drawn(stage) == drawn(fleet("p2c", *tier(2)))

    def test_idle_targets_are_asked_as_often_as_their_weights_say(self) -> None:
        """One call at a time: the lightest gets its share too."""
        counts = tally(fleet("p2c", target("a", weight=3.0), target("b", weight=2.0), target("c")))
        total = sum(counts.values())
        assert [round(counts[name] / total, 1) for name in "abc"] == [0.5, 0.3, 0.2]

    def test_a_target_without_a_sample_is_asked_beside_a_fast_one(self) -> None:
        failover = Failover([Target(name, provider="p", model="m", endpoint=name) for name in "ab"], rng=Random(3))
        asked: list[str] = []
        for _ in range(20):
            permit = failover.acquire(streaming=True)
            assert permit is not None
            asked.append(permit.target.id)
            permit.first_content()
            permit.success()
        assert set(asked) == {"a", "b"}

    def test_weighs_how_busy_a_target_is_by_its_weight(self) -> None:
        stage = fleet("p2c", target("a", weight=4.0), target("b"))
        busy(stage, "a", 2)
        busy(stage, "b", 1)
        assert tally(stage, 100) == {"a": 100}
        busy(stage, "a", 4)
        assert tally(stage, 100) == {"b": 100}

    def test_never_asks_the_worst_of_three_and_does_ask_both_others(self) -> None:
        stage = fleet("p2c")
        busy(stage, "c", 1)
        counts = drawn(stage)
        assert set(counts) == {"a", "b"}
        assert counts["b"] > 50

    def test_of_one_draws_nothing(self) -> None:
        stage, rng = fleet("p2c", target("a")), Random(5)
        assert STRATEGIES["p2c"](stage["a"].tier, Request(), rng, stage.now).id == "a"
        assert rng.random() == Random(5).random()

    def test_a_tie_goes_to_the_one_drawn_first(self) -> None:
        counts = drawn(fleet("p2c", *tier(2)))
        assert counts["a"] > 100
        assert counts["b"] > 100

    def test_old_failures_cost_less_and_less(self) -> None:
        stage = fleet("p2c", target("a"))
        stage.fail("a", "timeout")
        standing, now = stage["a"], stage.now
        assert expense(standing, now) > expense(standing, now + 20) > expense(standing, now + 60)


class TestLeastBusy:
    """The fewest calls under way for its weight."""

    def test_fills_up_evenly(self) -> None:
        stage = fleet("least_busy")
        leases = [stage.pick() for _ in range(9)]
        assert Counter(lease.standing.id for lease in leases if lease) == {"a": 3, "b": 3, "c": 3}

    def test_by_weight(self) -> None:
        stage = fleet("least_busy", target("a", weight=3.0), target("b"))
        leases = [stage.pick() for _ in range(8)]
        assert Counter(lease.standing.id for lease in leases if lease) == {"a": 6, "b": 2}

    def test_idle_ones_take_turns(self) -> None:
        assert fleet("least_busy").asks(6) == "abcabc"


class TestCost:
    """The cheapest that can; who names no cost is dearest."""

    def test_is_the_cheapest_until_it_dies(self) -> None:
        stage = fleet("cost", target("a"), target("b", cost=3.0), target("c", cost=1.0))
        assert stage.asks(3) == "ccc"
        stage.trip("c")
        assert stage.asks(2) == "bb"
        stage.trip("b")
        assert stage.asks(2) == "aa"

    def test_equals_share_the_work(self) -> None:
        stage = fleet("cost", target("a", cost=1.0), target("b", cost=1.0), target("c", cost=2.0))
        assert stage.asks(4) == "abab"


class TestAffinity:
    """Requests of one session at one target, and so at its prompt cache."""

    def test_a_session_stays(self) -> None:
        stage = fleet("affinity", *tier(5))
        for number in range(20):
            assert len(set(stage.asks(10, affinity=f"s{number}"))) == 1

    def test_sessions_are_spread(self) -> None:
        stage = fleet("affinity", *tier(4))
        counts = Counter(stage.asks(affinity=f"s{number}") for number in range(400))
        assert all(60 < counts[each] < 140 for each in "abcd")

    def test_by_weight(self) -> None:
        stage = fleet("affinity", target("a", weight=3.0), target("b"))
        counts = Counter(stage.asks(affinity=f"s{number}") for number in range(400))
        assert counts["a"] == pytest.approx(300, rel=0.1)

    def test_two_processes_agree(self) -> None:
        one, other = (fleet("affinity", *tier(5), seed=seed) for seed in (1, 2))
        sessions = [f"s{number}" for number in range(50)]
        assert [one.asks(affinity=s) for s in sessions] == [other.asks(affinity=s) for s in sessions]

    def test_without_a_session_it_is_p2c(self) -> None:
        stage = fleet("affinity", *tier(2))
        busy(stage, "a", 1)
        assert tally(stage, 100) == {"b": 100}

    def test_when_a_target_dies_only_its_own_sessions_move(self) -> None:
        stage = fleet("affinity", *tier(4))
        sessions = [f"s{number}" for number in range(60)]
        before = {s: stage.asks(affinity=s) for s in sessions}
        stage.trip("b")
        after = {s: stage.asks(affinity=s) for s in sessions}
        assert all(after[s] == before[s] for s in sessions if before[s] != "b")
        assert {after[s] for s in sessions if before[s] == "b"} == set("acd")

    @staticmethod
    def at_home_elsewhere() -> tuple[Stage, str, str]:
        """A session whose target died, so that it moved: its stage, its first and its new home."""
        stage = fleet("affinity", target("a"), target("b", 1))
        assert stage.asks(affinity="s") == "a"
        stage.trip("a")
        assert stage.asks(affinity="s") == "b"
        return stage, "a", "b"

    def test_a_session_does_not_move_back_in_mid_conversation(self) -> None:
        stage, first, new = self.at_home_elsewhere()
        stage.now += 3
        stage.succeed(first, 20)
        assert stage.asks(affinity="another") == first
        assert stage.asks(5, affinity="s") == new * 5

    def test_it_does_not_move_back_by_being_the_one_that_tests_the_old_target(self) -> None:
        stage, _, new = self.at_home_elsewhere()
        stage.now += 3
        asked = stage.asks(6, affinity="s")
        assert asked[1:] == new * 5

    def test_it_is_not_even_taken_for_a_probe(self) -> None:
        stage, _, new = self.at_home_elsewhere()
        stage.now += 3
        assert stage.asks(affinity="s") == new

    def test_it_is_not_moved_by_a_backup(self) -> None:
        stage = fleet("affinity", *tier(2))
        home = stage.asks(affinity="s")
        other = stage.pick(~(1 << stage[home].index), backup=True, affinity="s")
        assert other is not None
        stage.end(other)
        assert stage.asks(3, affinity="s") == home * 3

    def test_it_may_move_back_after_five_minutes_of_silence(self) -> None:
        stage, first, new = self.at_home_elsewhere()
        stage.now += 3
        stage.succeed(first, 20)
        stage.now += 296
        assert stage.asks(affinity="s") == new
        stage.now += 300
        assert stage.asks(affinity="s") == first

    def test_it_moves_when_its_home_is_excluded_full_degraded_or_gone(self) -> None:
        for leave in ("excluded", "full", "degraded", "gone"):
            stage = fleet("affinity", *tier(2))
            home = stage.asks(affinity="s")
            other = "b" if home == "a" else "a"
            if leave == "full":
                stage = fleet("affinity", *(target(each, max_parallel=1) for each in "ab"))
                assert stage.asks(affinity="s") == home
                stage.admit(home)
            elif leave == "degraded":
                stage.fail(home, times=2)
            elif leave == "gone":
                stage.health.replace([target(other)], stage.now)
            free = 1 << stage[other].index if leave == "excluded" else -1
            lease = stage.pick(free, affinity="s")
            assert lease is not None
            assert lease.standing.id == other, leave

    def test_its_home_survives_a_replacement_of_the_targets(self) -> None:
        stage = fleet("affinity", target("a"), target("b", 1))
        stage.trip("a")
        assert stage.asks(affinity="s") == "b"
        stage.health.replace([target("c"), target("b", 1)], stage.now)
        assert stage.asks(affinity="s") == "b"

    def test_a_crowded_target_takes_no_newcomers(self) -> None:
        stage = fleet("affinity", *tier(4))
        leases = [stage.pick(affinity=f"s{number}") for number in range(200)]
        counts = Counter(lease.standing.id for lease in leases if lease)
        assert max(counts.values()) <= 1.25 * 50 + 1

    def test_the_first_call_of_all_is_never_too_many(self) -> None:
        stage = fleet("affinity", *tier(8))
        assert stage.asks(affinity="s") in set("abcdefgh")


class TestOfOnesOwn:
    """A strategy is a function."""

    def test_gets_the_candidates_the_request_chance_and_the_time(self) -> None:
        seen: list[tuple[str, str | None, float]] = []

        def last(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:
            assert 0 <= rng.random() < 1
            seen.append(("".join(s.id for s in candidates), request.model, now))
            return list(candidates)[-1]

        stage = fleet(last)
        stage.trip("b")
        assert stage.asks(2, model="m") == "cc"
        assert seen == [("ac", "m", stage.now)] * 2

    def test_may_draw_from_the_candidates(self) -> None:
        def any_of(candidates: Candidates, request: Request, rng: Random, now: float) -> Standing:
            assert len(candidates) == 2
            return candidates.draw(rng)

        stage = fleet(any_of)
        stage.trip("b")
        assert set(tally(stage, 100)) == {"a", "c"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(0, 2**6 - 1), st.integers(-1, 7), st.integers(0, 99))
def test_whatever_the_strategy_and_its_past_it_chooses_a_candidate(
    strategy: str, mask: int, cursor: int, seed: int
) -> None:
    stage = fleet(strategy, *tier(6))
    stage["a"].tier.cursor = cursor
    lease = stage.pick(mask, affinity=f"s{seed}")
    assert (lease is None) == (mask == 0)
    assert lease is None or mask >> lease.standing.index & 1
