"""What all opponents have in common, and with_fallbacks, R1 to R5 and the oracle, each with its defects."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.hand import SOLO, STD, Pending, Stage, Told, asked, broke, failed, fine, target

from failover_plugin import Target
from failover_plugin.simulation.opponents import OPPONENTS
from failover_plugin.simulation.protocol import Outcome, Router, SimRequest

KINDS = ("error", "429", "quota", "auth", "529", "ctx", "unsupported", "refuse", "error_body", "timeout")
MODELS = [name for name in OPPONENTS if name != "oracle"]

outcomes = st.one_of(
    st.builds(fine, st.floats(0.1, 30)),
    st.builds(failed, st.sampled_from((*KINDS, "empty")), retry_after=st.none() | st.floats(0, 90)),
    st.builds(broke, st.sampled_from(("mid", "stall", "truncated"))),
)
stories = st.fixed_dictionaries({t.id: st.lists(outcomes, min_size=1, max_size=6) for t in STD})


def test_they_are_shown_in_this_order() -> None:
    assert list(OPPONENTS) == ["oracle", "with_fallbacks", "litellm", "r1", "r2", "r3", "r4", "r5"]


@pytest.mark.parametrize("name", MODELS)
@settings(deadline=None, derandomize=True)
@given(says=stories, seed=st.integers(0, 9))
def test_none_makes_up_an_answer_or_takes_back_what_was_said(
    name: str, says: dict[str, list[Outcome]], seed: int
) -> None:
    for told in _ten(name, says, seed):
        assert told.delivered == bool(told.outcomes and told.outcomes[-1].ok)
        assert not any(outcome.first or outcome.error == "empty" for outcome in told.outcomes[:-1])
        assert len(told.asked) <= 6


@pytest.mark.parametrize("name", MODELS)
@settings(deadline=None, derandomize=True)
@given(says=stories, seed=st.integers(0, 9))
def test_the_same_seed_decides_the_same(name: str, says: dict[str, list[Outcome]], seed: int) -> None:
    assert _ten(name, says, seed) == _ten(name, says, seed)


def _ten(name: str, says: dict[str, list[Outcome]], seed: int) -> list[Told]:
    stage = Stage(**says)
    router = stage.router(OPPONENTS[name], seed=seed)
    return [stage.ask(router) for _ in range(10)]


@pytest.mark.parametrize("name", MODELS)
def test_what_one_worker_has_learned_the_next_does_not_know(name: str) -> None:
    stage, elsewhere = Stage(p1=failed(), p2=failed()), Stage(p1=failed(), p2=failed())
    asked(stage, stage.router(OPPONENTS[name]), 20)
    assert asked(stage, stage.router(OPPONENTS[name]), 5) == asked(elsewhere, elsewhere.router(OPPONENTS[name]), 5)


# -- with_fallbacks ---------------------------------------------------------------------------------------------------


def test_with_fallbacks_asks_a_dead_primary_on_every_request() -> None:
    stage = Stage(p1=failed())
    assert asked(stage, stage.router(OPPONENTS["with_fallbacks"]), 50) == [["p1", "p2"]] * 50


@pytest.mark.parametrize("kind", KINDS)
def test_with_fallbacks_goes_on_after_any_error(kind: str) -> None:
    stage = Stage(p1=failed(kind), p2=failed(kind), q1=failed(kind))
    told = stage.ask(stage.router(OPPONENTS["with_fallbacks"]))
    assert (told.asked, told.delivered, told.waited) == (["p1", "p2", "q1", "f1"], True, [])


@pytest.mark.parametrize("outcome", [broke("mid"), broke("stall"), failed("empty")])
def test_with_fallbacks_commits_to_whoever_sent_the_first_chunk(outcome: Outcome) -> None:
    stage = Stage(p1=outcome)
    told = stage.ask(stage.router(OPPONENTS["with_fallbacks"]))
    assert (told.asked, told.delivered) == (["p1"], False)


def test_with_fallbacks_asks_by_tier_and_then_as_listed() -> None:
    shuffled = (target("c", 1), target("b"), target("d", 2), target("a"))
    stage = Stage(**{name: failed() for name in "abcd"})
    assert stage.ask(stage.router(OPPONENTS["with_fallbacks"], shuffled)).asked == ["b", "a", "c", "d"]


# -- R1 ---------------------------------------------------------------------------------------------------------------


def test_r1_loses_three_requests_and_never_goes_back() -> None:
    stage = Stage(p1=failed())
    router = stage.router(OPPONENTS["r1"])
    assert asked(stage, router, 5) == [["p1"]] * 3 + [["p2"]] * 2
    stage.let(p1=fine())
    assert asked(stage, router, 100, every=10) == [["p2"]] * 100


def test_r1_hands_every_error_up() -> None:
    stage = Stage(p1=failed())
    assert not stage.ask(stage.router(OPPONENTS["r1"])).delivered


def test_r1_a_success_starts_the_count_anew() -> None:
    stage = Stage(p1=[failed(), failed(), fine(), failed(), failed(), fine()])
    assert asked(stage, stage.router(OPPONENTS["r1"]), 10) == [["p1"]] * 10


def test_r1_punishes_the_new_endpoint_for_the_old_ones_late_failures() -> None:
    stage = Stage()
    router = stage.router(OPPONENTS["r1"])
    calls = [Pending(router) for _ in range(9)]
    assert {call.asked for call in calls} == {"p1"}
    for call in calls:
        call.ends(failed())
    assert Pending(router).asked == "f1"  # p2 and q1 are unhealthy, and nobody has called them


def test_r1_skips_who_cools_down_and_with_all_of_them_takes_the_next() -> None:
    stage = Stage(**{t.id: failed(latency=0.0) for t in STD})
    router = stage.router(OPPONENTS["r1"])
    first_round = [name for name in ("p1", "p2", "q1", "f1") for _ in range(3)]
    assert [told[0] for told in asked(stage, router, 16)] == [*first_round, "p1", "p2", "q1", "f1"]


def test_r1_comes_back_after_the_cooldown_once_it_rotates_and_then_with_everybody() -> None:
    stage = Stage(p1=failed(), p2=[*[fine()] * 60, failed()], q1=failed(), f1=failed())
    router = stage.router(OPPONENTS["r1"], STD[:2])
    assert asked(stage, router, 63) == [["p1"]] * 3 + [["p2"]] * 60
    stage.let(p1=fine())
    assert asked(stage, router, 5) == [["p2"]] * 3 + [["p1"]] * 2


@pytest.mark.parametrize("kind", ["mid", "stall"])
def test_r1_counts_a_stream_as_a_success_as_soon_as_it_is_open(kind: str) -> None:
    stage = Stage(p1=broke(kind))
    assert asked(stage, stage.router(OPPONENTS["r1"]), 20) == [["p1"]] * 20


# -- R2 ---------------------------------------------------------------------------------------------------------------


def test_r2_picks_the_profile_that_just_failed_until_its_circuit_opens() -> None:
    stage = Stage(p1=failed())
    router = stage.router(OPPONENTS["r2"])
    assert asked(stage, router, 3) == [["p1", "p1", "p1", "p2"], ["p2"], ["p2"]]


def test_r2_lets_everybody_in_after_sixty_seconds() -> None:
    stage = Stage(p1=failed())
    router = stage.router(OPPONENTS["r2"])
    stage.ask(router)
    stage.now = 59.9
    assert Pending(router).asked == "p2"
    stage.now = 61.0
    assert [Pending(router).asked for _ in range(20)] == ["p1"] * 20


def test_r2_a_late_failure_stamps_the_opening_anew_and_a_late_success_closes() -> None:
    stage = Stage(p1=failed())
    router = stage.router(OPPONENTS["r2"])
    bad, good = Pending(router), Pending(router)
    stage.ask(router)
    stage.now = 50.0
    assert bad.ends(failed()) == "p2"
    stage.now = 100.0
    assert Pending(router).asked == "p2"
    assert good.ends(fine()) is True
    assert Pending(router).asked == "p1"


def test_r2_opens_a_healthy_profile_for_a_prompt_that_is_too_long() -> None:
    stage = Stage(p1=failed("ctx"), p2=failed("ctx"), q1=failed("ctx"))
    router = stage.router(OPPONENTS["r2"])
    assert asked(stage, router, 2) == [["p1", "p1", "p1", "p2", "f1"], ["p2", "p2", "q1", "q1", "f1"]]


def test_r2_goes_to_the_fallback_model_when_no_profile_is_left() -> None:
    stage = Stage(p1=failed(), p2=failed(), q1=failed())
    assert asked(stage, stage.router(OPPONENTS["r2"]), 3)[-1] == ["q1", "f1"]


def test_r2_gives_up_when_the_fallback_fails_too() -> None:
    stage = Stage(p1=failed(), f1=failed())
    router = stage.router(OPPONENTS["r2"], SOLO)
    told = [stage.ask(router) for _ in range(4)]
    assert [each.asked for each in told] == [["p1", "p1", "p1", "f1"], ["f1"], ["f1"], []]
    assert not any(each.delivered for each in told)


# -- R3 ---------------------------------------------------------------------------------------------------------------


def test_r3_takes_all_nodes_in_turn_whatever_their_tier() -> None:
    stage = Stage()
    assert asked(stage, stage.router(OPPONENTS["r3"]), 5) == [["p1"], ["p2"], ["q1"], ["f1"], ["p1"]]


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [(failed(), 30), (failed("429", retry_after=5), 30), (failed("auth"), 30), (failed("timeout"), 60)],
)
def test_r3_one_failure_costs_a_fixed_time(outcome: Outcome, seconds: float) -> None:
    stage = Stage(p1=outcome, p2=fine(0.0), q1=fine(0.0), f1=fine(0.0))
    router = stage.router(OPPONENTS["r3"])
    stage.ask(router)
    begin = stage.now
    assert not any("p1" in names for names in asked(stage, router, 8))
    stage.now = begin + seconds - 0.01
    assert not any("p1" in names for names in asked(stage, router, 8))
    stage.now = begin + seconds
    assert any("p1" in names for names in asked(stage, router, 8))


def test_r3_passes_over_who_sits_out_and_the_others_take_turns() -> None:
    stage = Stage(p1=failed(latency=0.0), p2=fine(0.0), q1=fine(0.0), f1=fine(0.0))
    router = stage.router(OPPONENTS["r3"])
    assert asked(stage, router, 7) == [["p1", "p2"], ["q1"], ["f1"], ["p2"], ["q1"], ["f1"], ["p2"]]


def test_r3_asks_three_nodes_at_most() -> None:
    stage = Stage(**{t.id: failed() for t in STD})
    assert asked(stage, stage.router(OPPONENTS["r3"]), 1) == [["p1", "p2", "q1"]]


def test_r3_with_all_nodes_out_everybody_gets_the_one_that_is_back_first() -> None:
    stage = Stage(**{t.id: failed() for t in STD})
    router = stage.router(OPPONENTS["r3"])
    assert asked(stage, router, 2) == [["p1", "p2", "q1"], ["f1", "p1", "p2"]]
    assert [Pending(router).asked for _ in range(20)] == ["q1"] * 20


def test_r3_a_shorter_cooldown_overwrites_a_longer_one() -> None:
    stage = Stage()
    router = stage.router(OPPONENTS["r3"], STD[:2])
    calls = [Pending(router) for _ in range(3)]
    assert [call.asked for call in calls] == ["p1", "p2", "p1"]
    calls[0].ends(failed("timeout"))
    stage.now = 1.0
    calls[2].ends(failed())
    stage.now = 31.0
    assert {Pending(router).asked for _ in range(2)} == {"p1", "p2"}


@pytest.mark.parametrize("outcome", [failed("ctx"), failed("unsupported"), broke("mid"), failed("error_body")])
def test_r3_hands_up_a_400_and_whatever_befalls_an_open_stream_and_blames_nobody(outcome: Outcome) -> None:
    stage = Stage(p1=outcome)
    router = stage.router(OPPONENTS["r3"])
    told = stage.ask(router)
    assert (told.asked, told.delivered) == (["p1"], False)
    assert [names[0] for names in asked(stage, router, 4)] == ["p2", "q1", "f1", "p1"]


# -- R4 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["error", "429", "quota", "529"])
def test_r4_fails_over_on_its_triggers_and_remembers_nothing(kind: str) -> None:
    stage = Stage(p1=failed(kind))
    assert asked(stage, stage.router(OPPONENTS["r4"]), 10) == [["p1", "p2"]] * 10


@pytest.mark.parametrize("kind", ["auth", "ctx", "timeout", "refuse", "unsupported"])
def test_r4_hands_up_what_is_no_trigger(kind: str) -> None:
    stage = Stage(p1=failed(kind))
    told = stage.ask(stage.router(OPPONENTS["r4"]))
    assert (told.asked, told.delivered) == (["p1"], False)


def test_r4_asks_nobody_what_the_fallbacks_errors_are() -> None:
    stage = Stage(p1=failed(), p2=failed("auth"), q1=failed("timeout"))
    told = stage.ask(stage.router(OPPONENTS["r4"]))
    assert (told.asked, told.delivered, told.waited) == (["p1", "p2", "q1", "f1"], True, [])


def test_r4_loses_a_stream_that_breaks() -> None:
    stage = Stage(p1=broke())
    assert not stage.ask(stage.router(OPPONENTS["r4"])).delivered


# -- R5 ---------------------------------------------------------------------------------------------------------------


def test_r5_one_failure_is_enough_and_it_is_for_good() -> None:
    stage = Stage(p1=[failed(), fine()])
    router = stage.router(OPPONENTS["r5"])
    assert asked(stage, router, 3, every=10_000) == [["p1", "p2"], ["p2"], ["p2"]]


def test_r5_nothing_closes_it_not_even_a_success() -> None:
    stage = Stage()
    router = stage.router(OPPONENTS["r5"])
    bad, good = Pending(router), Pending(router)
    assert bad.ends(failed()) == "p2"
    assert good.ends(fine()) is True
    assert Pending(router).asked == "p2"


def test_r5_forgets_what_was_a_thousand_answers_ago() -> None:
    ordinary = [fine(1.0 + 0.01 * (n % 2)) for n in range(1000)]
    for remembered, next_asked in ((999, "p2"), (998, "p1")):
        stage = Stage(p1=[fine(100.0), *ordinary[:remembered], fine(1.05)])
        router = stage.router(OPPONENTS["r5"])
        asked(stage, router, remembered + 2)
        assert Pending(router).asked == next_asked


def test_r5_refuses_everything_once_all_are_open() -> None:
    stage = Stage(**{t.id: [failed(), fine()] for t in STD})
    router = stage.router(OPPONENTS["r5"])
    assert stage.ask(router).asked == ["p1", "p2", "q1", "f1"]
    told = stage.ask(router, at=10_000)
    assert (told.asked, told.delivered) == ([], False)


def _next_after(ordinary: int, slow: float) -> list[str]:
    stage = Stage(p1=[*(fine(1.0 + 0.01 * (n % 2)) for n in range(ordinary)), fine(slow)])
    return asked(stage, stage.router(OPPONENTS["r5"]), ordinary + 2)[-1]


def test_r5_the_first_seven_cannot_alarm_however_slow_and_the_eighth_can() -> None:
    assert _next_after(6, slow=1000.0) == ["p1"]
    assert _next_after(7, slow=1000.0) == ["p2"]


def test_r5_a_long_answer_of_a_healthy_target_opens_it() -> None:
    assert _next_after(30, slow=1.03) == ["p2"]


def test_r5_one_outlier_hides_the_next() -> None:
    latencies = [*[1.0, 1.01] * 3, 30.0, *[1.0, 1.01] * 3, 12.0]
    assert (12.0 - fmean(latencies)) / pstdev(latencies) < 2.5 < (12.0 - 1.005) / 0.005
    stage = Stage(p1=list(map(fine, latencies)))
    router = stage.router(OPPONENTS["r5"])
    assert asked(stage, router, len(latencies) + 1)[-1] == ["p1"]


def test_r5_an_answer_after_content_broke_is_lost_and_opens() -> None:
    stage = Stage(p1=[broke(), fine()])
    router = stage.router(OPPONENTS["r5"])
    told = stage.ask(router)
    assert (told.asked, told.delivered) == (["p1"], False)
    assert stage.ask(router).asked == ["p2"]


# -- the oracle -------------------------------------------------------------------------------------------------------


@dataclass
class Truth:
    """A world whose state is whatever the test says."""

    sick: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    too_small: set[str] = field(default_factory=set)
    busy: dict[str, int] = field(default_factory=dict)
    heals: float = inf
    stage: Stage | None = None

    def is_sick(self, target: Target) -> bool:
        healed = self.stage is not None and self.stage.now >= self.heals
        return target.id in self.sick and not healed

    def slowdown(self, target: Target) -> float:
        return 1.0

    def in_flight(self, target: Target) -> int:
        return 20 if target.id in self.full else self.busy.get(target.id, 0)

    def capacity(self, target: Target) -> float:
        return 20.0

    def admits(self, target: Target, request: SimRequest) -> bool:
        return target.id not in self.closed

    def admits_in(self, target: Target, request: SimRequest) -> float:
        return 0.0 if self.admits(target, request) else 60.0

    def can_serve(self, target: Target, request: SimRequest) -> bool:
        return target.id not in self.too_small


def _oracle(stage: Stage, truth: Truth) -> Router:
    truth.stage = stage
    return stage.router(OPPONENTS["oracle"], world=truth)


@pytest.mark.parametrize("why", ["sick", "full", "closed", "too_small"])
def test_the_oracle_asks_nobody_who_cannot_answer(why: str) -> None:
    stage = Stage()
    assert stage.ask(_oracle(stage, Truth(**{why: {"p1", "q1"}}))).asked == ["p2"]
    assert stage.ask(_oracle(stage, Truth(**{why: {"p1", "p2", "q1"}}))).asked == ["f1"]


def test_the_oracle_picks_the_least_loaded_of_the_cheapest_tier() -> None:
    stage = Stage()
    truth = Truth(busy={"p1": 9, "p2": 8, "q1": 10, "f1": 0})
    assert stage.ask(_oracle(stage, truth)).asked == ["p2"]


def test_the_oracle_waits_until_somebody_is_well() -> None:
    stage = Stage()
    told = stage.ask(_oracle(stage, Truth(sick={t.id for t in STD}, heals=4.0)))
    assert told.delivered
    assert sum(told.waited) == pytest.approx(4.0, abs=0.11)


def test_the_oracle_gives_up_after_ten_seconds() -> None:
    stage = Stage()
    told = stage.ask(_oracle(stage, Truth(sick={t.id for t in STD})))
    assert (told.asked, told.delivered) == ([], False)
    assert sum(told.waited) == pytest.approx(10.0, abs=0.11)


def test_the_oracle_does_not_know_how_a_single_call_will_go() -> None:
    stage = Stage(p1=failed(), p2=broke())
    told = stage.ask(_oracle(stage, Truth()))
    assert (told.asked, told.delivered) == (["p1", "p2", "q1"], True)


def test_the_oracle_ends_too() -> None:
    stage = Stage(**{t.id: failed() for t in STD})
    told = stage.ask(_oracle(stage, Truth()))
    assert (told.asked, told.delivered) == (["p1", "p2", "q1", "p1", "p1"], False)
