"""Which targets a request may go to, and which can do better where one could not."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest
from core.fleets import Stage
from core.scripted import target, tier
from hypothesis import given, settings
from hypothesis import strategies as st

from failover_plugin import Failover, Policy
from failover_plugin.model import ErrorClass, Request, Target
from failover_plugin.selection import CACHE_LIFE, KINDS, REMEMBERED, Sessions, excluded, incapable
from failover_plugin.standing import Grade
from failover_plugin.strategy import STRATEGIES
from failover_plugin.testing import FakeClock

EU = frozenset({"eu"})
US = frozenset({"us"})


def test_nothing_asked_excludes_nobody() -> None:
    assert excluded(target("a"), Request()) is None


@pytest.mark.parametrize(
    ("request_", "facts", "reason"),
    [
        (Request(require_tags=EU), {}, "lacks the required tag eu"),
        (Request(require_tags=EU), {"tags": EU | US}, None),
        (Request(require_tags=EU | US), {"tags": EU}, "lacks the required tag us"),
        (Request(require_tags=EU | US), {}, "lacks the required tag eu, us"),
        (Request(forbid_tags=US), {"tags": EU | US}, "carries the forbidden tag us"),
        (Request(forbid_tags=US), {"tags": EU}, None),
        (Request(needs=frozenset({"tools"})), {}, None),
        (Request(needs=frozenset({"tools"})), {"capabilities": frozenset({"images"})}, "lacks tools"),
        (Request(needs=frozenset({"tools"})), {"capabilities": frozenset({"images", "tools"})}, None),
        (
            Request(input_tokens=900, output_tokens=101),
            {"context_window": 1000},
            "of 1000 tokens is too small for 1001",
        ),
        (Request(input_tokens=900, output_tokens=100), {"context_window": 1000}, None),
        (Request(input_tokens=1001), {"context_window": 1000}, "too small for 1001"),
        (Request(output_tokens=1001), {"context_window": 1000}, "too small for 1001"),
        (Request(input_tokens=10**9), {}, None),
    ],
)
def test_a_request_excludes_targets(request_: Request, facts: dict[str, object], reason: str | None) -> None:
    said = excluded(target("a", **facts), request_)
    assert said is reason is None or (said is not None and reason is not None and reason in said)


@pytest.mark.parametrize(
    ("window", "failed_window", "able"),
    [
        (200, 100, True),
        (100, 100, False),
        (50, 100, False),
        (None, 100, True),
        (200, None, True),
        (None, None, True),
    ],
)
def test_a_prompt_that_is_too_long_goes_to_no_window_known_to_be_as_small(
    window: int | None,
    failed_window: int | None,
    able: bool,  # noqa: FBT001 - a table
) -> None:
    one, failed = target("b", context_window=window), target("a", context_window=failed_window)
    assert (incapable(one, failed, ErrorClass.CONTEXT_WINDOW) is None) == able


def test_the_same_model_of_the_same_provider_has_the_same_window() -> None:
    one, failed = target("b", provider="p", model="m"), target("a", provider="p", model="m")
    assert incapable(one, failed, ErrorClass.CONTEXT_WINDOW) is not None


def test_what_is_too_large_for_one_provider_may_suit_another() -> None:
    same = {"provider": "p", "model": "m"}
    failed = target("a", tpm=1000, **same)
    assert incapable(target("b", provider="q", model="m"), failed, ErrorClass.PAYLOAD_TOO_LARGE) is None
    assert incapable(target("b", provider="p", model="n"), failed, ErrorClass.PAYLOAD_TOO_LARGE) is None
    assert incapable(target("b", **same), failed, ErrorClass.PAYLOAD_TOO_LARGE) is not None
    assert incapable(target("b", tpm=2000, **same), failed, ErrorClass.PAYLOAD_TOO_LARGE) is None
    assert incapable(target("b", tpm=1000, **same), failed, ErrorClass.PAYLOAD_TOO_LARGE) is not None


def test_a_missing_feature_is_missing_wherever_model_and_provider_are_the_same() -> None:
    failed = target("a", provider="p", model="m")
    same = target("b", provider="p", model="m")
    assert incapable(same, failed, ErrorClass.UNSUPPORTED) == "is the same model"
    assert incapable(target("b", provider="p", model="n"), failed, ErrorClass.UNSUPPORTED) is None
    assert incapable(target("b", provider="q", model="m"), failed, ErrorClass.UNSUPPORTED) is None


def test_other_errors_ask_for_nothing_better() -> None:
    assert incapable(target("b", model="m"), target("a", model="m"), ErrorClass.SERVER_ERROR) is None


def allowed(stage: Stage, **facts: Any) -> str:
    mask = stage.health.selection.allowed(Request(**facts))
    return "".join(s.id for s in stage.health.roster.standings if mask >> s.index & 1)


def order(stage: Stage, **facts: Any) -> str:
    return "".join(stage.health.outlook(Request(**facts), stage.now)[0])


def skips(stage: Stage, **facts: Any) -> dict[str, str]:
    return {skip.target: skip.reason for skip in stage.health.outlook(Request(**facts), stage.now)[1]}


def test_tiers_are_asked_in_order() -> None:
    stage = Stage(target("a"), target("b", 3), target("c", 7), strategy="sequential")
    assert order(stage) == "abc"
    stage.trip("a")
    stage.trip("b")
    assert stage.asks() == "c"


def test_whoever_is_left_of_a_tier_comes_before_the_next() -> None:
    stage = Stage(target("a"), target("b"), target("c", 1))
    stage.trip("a")
    assert order(stage) == "bc"


def test_nobody_is_asked_where_nobody_can_be() -> None:
    stage = Stage(target("a"), target("b", enabled=False))
    stage.trip("a")
    assert stage.pick() is None
    assert skips(stage) == {"a": "target open: server_error", "b": "disabled"}


class TestATestThatIsDue:
    """It goes first, if it ranks no lower than whoever else would be asked."""

    def test_of_a_better_tier_comes_first(self) -> None:
        stage = Stage(target("a"), target("b", 1))
        stage.trip("a")
        stage.now += 3
        assert order(stage) == "ab"
        assert stage.asks(2) == "aa"

    def test_of_the_same_tier_comes_first(self) -> None:
        stage = Stage(target("a"), target("b"), strategy="sequential")
        stage.trip("b")
        stage.now += 3
        assert stage.asks(2) == "ba"

    def test_of_a_worse_tier_waits_until_it_is_needed(self) -> None:
        stage = Stage(target("a"), target("b", 1))
        stage.trip("b")
        stage.now += 3
        assert stage.asks(3) == "aaa"
        assert stage.line("b").state == "half_open"

    def test_is_made_by_one_request_only(self) -> None:
        stage = Stage(target("a"), target("b", 1))
        stage.trip("a")
        stage.now += 3
        first = stage.pick()
        assert first is not None
        assert first.standing.id == "a"
        assert stage.asks(3) == "bbb"

    def test_comes_before_those_that_are_degraded(self) -> None:
        stage = Stage(target("a"), target("b"))
        stage.fail("a", times=2)
        stage.trip("b")
        stage.now += 2.5
        assert stage.grade("a") is Grade.PROBE
        stage.admit("a")
        assert stage.grade("a") is Grade.DEGRADED
        assert stage.asks() == "b"

    def test_is_not_made_at_a_target_that_the_request_excludes(self) -> None:
        stage = Stage(target("a", tags=US), target("b", 1, tags=EU))
        stage.trip("a")
        stage.now += 3
        assert stage.asks(2, require_tags=EU) == "bb"


class TestWhoMaySeeAPrompt:
    """A request never reaches a target that it excludes."""

    def test_by_tags_needs_and_window(self) -> None:
        stage = Stage(
            target("a", tags=EU, context_window=100),
            target("b", tags=US, context_window=1000, capabilities=frozenset({"tools"})),
            target("c", 1, capabilities=frozenset({"images"})),
        )
        assert allowed(stage) == "abc"
        assert allowed(stage, require_tags=EU) == "a"
        assert allowed(stage, forbid_tags=EU) == "bc"
        assert allowed(stage, needs=frozenset({"tools"})) == "ab"
        assert allowed(stage, input_tokens=100) == "abc"
        assert allowed(stage, input_tokens=90, output_tokens=11) == "bc"
        assert allowed(stage, input_tokens=1001) == "c"
        assert allowed(stage, require_tags=EU, input_tokens=101) == ""

    def test_a_prompt_that_fits_nowhere_goes_nowhere(self) -> None:
        stage = Stage(target("a", context_window=100), target("b", context_window=50))
        assert allowed(stage, input_tokens=101) == ""
        assert stage.pick(input_tokens=101) is None

    def test_is_explained(self) -> None:
        stage = Stage(target("a", tags=EU), target("b"))
        assert skips(stage, require_tags=EU) == {"b": "lacks the required tag eu"}

    def test_kinds_of_requests_are_remembered_but_not_for_ever(self) -> None:
        stage = Stage(target("a", tags=frozenset({"t7"})), target("b"))
        for number in range(3 * KINDS):
            assert allowed(stage, require_tags=frozenset({f"t{number}"})) == ("a" if number == 7 else "")
        assert len(stage.health.selection._kinds) <= KINDS
        assert allowed(stage, require_tags=frozenset({"t7"})) == "a"

    def test_a_replacement_is_looked_at_anew(self) -> None:
        stage = Stage(target("a", tags=EU), target("b"))
        assert allowed(stage, require_tags=EU) == "a"
        stage.health.replace([target("b", tags=EU), target("a")], stage.now)
        assert allowed(stage, require_tags=EU) == "b"


TAGS = st.frozensets(st.sampled_from(["eu", "us", "pii"]))
FACTS = st.fixed_dictionaries(
    {
        "tags": TAGS,
        "tier": st.integers(0, 2),
        "capabilities": st.frozensets(st.sampled_from(["tools", "images"])),
        "context_window": st.sampled_from([None, 100, 200]),
    }
)
REQUESTS = st.fixed_dictionaries(
    {
        "require_tags": TAGS,
        "forbid_tags": TAGS,
        "needs": st.frozensets(st.sampled_from(["tools", "images"])),
        "input_tokens": st.sampled_from([None, 0, 100, 150, 300]),
        "affinity": st.sampled_from([None, "s", "t"]),
    }
)


def fleet_of(rows: list[dict[str, Any]]) -> list[Target]:
    return sorted((target("abcdefgh"[i], **row) for i, row in enumerate(rows)), key=lambda each: each.tier)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(FACTS, min_size=1, max_size=8),
    st.lists(st.tuples(REQUESTS, st.sampled_from(["ok", "server_error", "auth", "rate_limit"])), max_size=25),
    st.sampled_from(sorted(STRATEGIES)),
    st.booleans(),
)
def test_no_request_reaches_a_target_it_excludes_in_whatever_state(
    rows: list[dict[str, Any]],
    requests: list[tuple[dict[str, Any], str]],
    strategy: str,
    backup: bool,  # noqa: FBT001 - drawn
) -> None:
    stage = Stage(*fleet_of(rows), strategy=strategy)
    for facts, outcome in requests:
        stage.now += 0.7
        lease = stage.pick(backup=backup, **facts)
        able = {s.id for s in stage.health.roster.standings if excluded(s.target, Request(**facts)) is None}
        if lease is None:
            continue
        assert lease.standing.id in able
        stage.end(lease) if outcome == "ok" else stage.lose(lease, outcome)
        asked, passed_over = stage.health.outlook(Request(**facts), stage.now)
        assert set(asked) <= able
        passed, everybody = {skip.target for skip in passed_over}, {s.id for s in stage.health.roster.standings}
        assert passed >= everybody - set(asked)


def test_looking_changes_nothing() -> None:
    stage, blind = (Stage(*tier(5), strategy="p2c") for _ in range(2))
    for _ in range(50):
        order(stage)
        assert stage.asks() == blind.asks()


@pytest.mark.parametrize("session", "stuv")
def test_a_session_moves_as_foretold(session: str) -> None:
    stage = Stage(*tier(5), strategy="affinity")
    foretold, moved = order(stage, affinity=session), ""
    for _ in range(5):
        lease = stage.pick(affinity=session)
        assert lease is not None
        moved += lease.standing.id
        stage.trip(lease.standing.id)
    assert moved == foretold


def test_whom_a_last_resort_would_ask_is_told() -> None:
    stage = Stage(*tier(2), target("c", enabled=False), last_resort="earliest")
    stage.trip("a")
    stage.now += 1
    stage.trip("b")
    assert order(stage) == "ab"
    assert skips(stage) == {"a": "target open: server_error", "b": "target open: server_error", "c": "disabled"}


@cache
def thousands() -> tuple[Target, ...]:
    return tuple(target(f"t{i}", i * 3 // 10_000, credential=f"k{i % 100}") for i in range(10_000))


class TestOfTenThousand:
    """Looking is quick enough to be done in passing."""

    @staticmethod
    def fleet(**policy: Any) -> Failover:
        return Failover(thousands(), Policy(**policy), clock=FakeClock(), rng=Random(1))

    @pytest.mark.timeout(10)
    @pytest.mark.parametrize("strategy", ["p2c", "affinity"])
    def test_the_first_sixty_four_are_foretold_and_the_others_have_nothing_against_them(self, strategy: str) -> None:
        seen = self.fleet(strategy=strategy).explain(Request(affinity="s"))
        assert len(seen.order) == len(set(seen.order)) == 64
        assert seen.skips == ()

    @pytest.mark.timeout(10)
    def test_whoever_would_not_be_asked_is_named_all_the_same(self) -> None:
        fo = self.fleet(strategy="sequential")
        for key in range(99):
            fo.disable(f"t{key}")
        seen = fo.explain()
        assert seen.order == tuple(f"t{i}" for i in range(99, 99 + 64))
        assert len(seen.skips) == 99

    @pytest.mark.timeout(10)
    def test_a_fleet_in_which_everybody_is_degraded_is_explained_by_cost(self) -> None:
        fo = self.fleet()
        for standing in fo._fleet.health.roster.standings:
            standing.slow = True
            fo._fleet.health.review(standing, 0.0)
        assert len(fo.explain().order) == 64

    @pytest.mark.timeout(10)
    def test_a_fleet_in_which_nobody_can_be_asked_is_told_with_its_last_resorts(self) -> None:
        fo = self.fleet(last_resort="earliest")
        for i in range(10_000):
            fo.force_open(f"t{i}", 60.0)
        assert len(fo.explain().order) == 10_000


class TestRotatingByHand:
    """Strategies that keep to a target, or go round, go on after the one whose turn it is."""

    def test_without_rotation_a_fleet_keeps_to_one_target_well_or_not(self) -> None:
        stage = Stage(*tier(3), target("d", 1), auto_rotate=False, strategy="sequential")
        assert (allowed(stage), stage.asks(2)) == ("a", "aa")
        stage.trip("a")
        assert stage.pick() is None
        stage.health.selection.rotate(stage.now)
        assert stage.asks(2) == "bb"
        for _ in range(2):
            stage.health.selection.rotate(stage.now)
        stage.now += 3
        assert stage.asks() == "a"

    def test_where_nobody_is_well_the_turn_passes_all_the_same(self) -> None:
        stage = Stage(*tier(2), strategy="sticky")
        for each in "ab":
            stage.trip(each)
        stage.health.selection.rotate(stage.now)
        assert stage["a"].tier.cursor == 1

    def test_a_later_tier_has_its_turn_where_the_first_is_out(self) -> None:
        stage = Stage(target("a"), target("b", 1), target("c", 1), strategy="sticky")
        stage.trip("a")
        assert stage.asks() == "b"
        stage.health.selection.rotate(stage.now)
        assert stage.asks() == "c"


class TestSessions:
    """Where each session is at home."""

    def test_a_home_is_kept_for_five_minutes_of_silence(self) -> None:
        sessions = Sessions()
        assert sessions.home("s", 0.0) is None
        sessions.stay("s", "a", 0.0)
        assert sessions.home("s", CACHE_LIFE - 1) == "a"
        assert sessions.home("s", CACHE_LIFE) is None
        sessions.stay("s", "b", 100.0)
        assert sessions.home("s", CACHE_LIFE + 99) == "b"

    def test_of_too_many_the_one_silent_for_longest_is_forgotten(self) -> None:
        sessions = Sessions()
        for number in range(REMEMBERED):
            sessions.stay(f"s{number}", "a", 0.0)
        sessions.stay("s0", "a", 0.0)
        sessions.stay("new", "a", 0.0)
        assert sessions.home("s0", 1.0) == sessions.home("new", 1.0) == "a"
        assert sessions.home("s1", 1.0) is None
        assert len(sessions._homes) == REMEMBERED
