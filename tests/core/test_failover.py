"""The facade: what callers of every kind may rely on."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import pickle
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import median
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from core.scripted import FAULTS, broken, chain, rate_limited, target, tier, unauthorized

from failover_plugin import AllTargetsFailed, ConfigError, Failover, Policy, Request
from failover_plugin.clock import SystemClock
from failover_plugin.health_report import Health
from failover_plugin.model import Target
from failover_plugin.testing import FakeClock, Script


def failover(*targets: Target, clock: FakeClock | None = None, seed: int = 1, **policy: Any) -> Failover:
    return Failover(targets or chain(2), Policy(**policy), clock=clock or FakeClock(), rng=Random(seed))


# -- looking ----------------------------------------------------------------------------------------------------------


def test_explain_tells_who_would_be_asked_and_who_would_not() -> None:
    clock = FakeClock()
    fo = failover(*chain(3), target("d", 3, tags=frozenset({"us"})), clock=clock)
    fo.run(Script(clock, {"a": [rate_limited(60)], "b": ["hi"]}).call)
    seen = fo.explain(Request(forbid_tags=frozenset({"us"})))
    assert seen.order == ("b", "c")
    assert [(s.target, s.reason) for s in seen.skips] == [
        ("a", "rate limit"),
        ("d", "carries the forbidden tag us"),
    ]
    assert str(seen).startswith("would ask b then c\n   a not asked: rate limit, back in 6")


def test_explain_of_a_hopeless_request() -> None:
    seen = failover().explain(Request(require_tags=frozenset({"moon"})))
    assert seen.order == ()
    assert str(seen).startswith("would ask nobody")


def test_explain_calls_nothing_and_changes_nothing() -> None:
    def story(*, looking: bool) -> list[str]:
        clock = FakeClock()
        fo = failover(*tier(4), clock=clock, seed=7)
        script = Script(clock, {i: [broken(), "hi", TimeoutError("slow"), "hi"] for i in "abcd"}, takes=0.3)
        trails = []
        for _ in range(30):
            for _ in range(3 if looking else 0):
                fo.explain()
                fo.health()
            trails.append(str(fo.run(script.call).trail))
            clock.advance(0.7)
        return [*trails, str(fo.health())]

    assert story(looking=True) == story(looking=False)


def test_explain_of_a_recovered_target_leaves_it_its_probe() -> None:
    clock = FakeClock()
    fo = failover(clock=clock)
    script = Script(clock, {"a": [broken(), broken(), broken(), "hi"], "b": ["hi"]})
    for _ in range(2):
        fo.run(script.call)
        clock.advance(3)  # the second one tests a suspect
    assert fo.health()["a"].state == "half_open"
    for _ in range(5):
        assert fo.explain().order == ("a", "b")
    assert fo.run(script.call).target.id == "a"


def test_recent_trails_are_the_latest_requests() -> None:
    clock = FakeClock()
    fo = failover(clock=clock)
    script = Script(clock, {"a": ["hi"]})
    trails = [fo.run(script.call).trail for _ in range(40)]
    assert fo.recent_trails == tuple(trails[-32:])


def test_a_notebook_and_a_terminal_show_the_same_words() -> None:
    class Printer:
        said = ""

        def text(self, words: str) -> None:
            self.said += words

    clock = FakeClock()
    fo = failover(clock=clock)
    trail = fo.run(Script(clock, {"a": [unauthorized()], "b": ["hi"]}).call).trail
    for thing in (trail, fo.health()):
        printer = Printer()
        thing._repr_pretty_(printer, cycle=False)
        assert printer.said == str(thing)


def test_the_machines_own_clock_moves_while_it_sleeps() -> None:
    asked = []

    def call(target_: Target) -> str:
        asked.append(target_.id)
        if len(asked) == 1:
            raise ConnectionRefusedError
        return "hi"

    result = Failover([target("a")], rng=Random(1)).run(call)
    first, second = result.trail.attempts
    assert second.started - first.started >= Random(1).uniform(0, 0.05)


def test_the_machines_own_clock_waits_as_long_as_it_is_told_where_nobody_can_wake_it() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.02)
    asyncio.run(clock.asleep(0.02))
    assert clock.monotonic() - before >= 0.039


def test_the_machines_own_clock_can_be_woken() -> None:
    async def woken() -> None:
        event = asyncio.Event()
        event.set()
        await clock.asleep(30.0, event)

    clock, bell = SystemClock(), Event()
    before = clock.monotonic()
    bell.set()
    clock.sleep(30.0, bell)
    asyncio.run(woken())
    assert clock.monotonic() - before < 10


def test_a_result_says_what_it_is_and_who_gave_it() -> None:
    clock = FakeClock()
    result = failover(clock=clock).run(Script(clock, {"a": [unauthorized()], "b": ["hi"]}).call)
    assert repr(result) == "Result('hi', target='b', attempts=2)"


def test_it_says_who_it_asks() -> None:
    assert repr(failover(target("z", 1), target("y"))) == "Failover([y, z])"


def test_targets_come_in_the_order_of_their_tiers_and_otherwise_as_given() -> None:
    fo = failover(target("z", 1), target("y"), target("x", 1), target("w"))
    assert [t.id for t in fo.targets] == ["y", "w", "z", "x"]


# -- as a value -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [lambda fo: pickle.loads(pickle.dumps(fo)), copy.deepcopy, copy.copy])
def test_a_copy_has_the_configuration_and_not_the_state(copied: Any) -> None:
    clock = FakeClock()
    fo = failover(clock=clock, max_attempts=3)
    fo.run(Script(clock, {"a": [unauthorized()], "b": ["hi"]}).call)
    twin = copied(fo)
    assert (twin.targets, twin.policy) == (fo.targets, fo.policy)
    assert twin.health()["a"].health is Health.HEALTHY
    assert twin.health()["b"].attempts == 0
    twin.run(lambda _: "hi")
    assert fo.health()["a"].attempts == 1


def test_errors_pickle_with_their_trail() -> None:
    with pytest.raises(AllTargetsFailed) as raised:
        failover().run(Script(FakeClock(), {"a": [unauthorized()], "b": [TimeoutError()]}).call)
    error = pickle.loads(pickle.dumps(raised.value))
    assert (str(error), error.trail, error.retry_after) == (
        str(raised.value), raised.value.trail, raised.value.retry_after,
    )  # fmt: skip


# -- sparing a dead target --------------------------------------------------------------------------------------------


def test_fifteen_requests_in_a_row_ask_a_dead_primary_five_times_at_most() -> None:
    for error_class in sorted(set(FAULTS) - {"invalid_request", "content_policy", "context_window"}):
        clock = FakeClock()
        fo = failover(
            target("a", provider="p"),
            target("b", 1, provider="q", context_window=9),
            clock=clock,
            seed=len(error_class),
        )
        script = Script(clock, {"a": [FAULTS[error_class]()], "b": ["hi"]})

        def call(asked: Target, script: Script = script, clock: FakeClock = clock) -> str:
            clock.advance(0.13)  # so long a timeout takes at the least
            return script.call(asked)

        for _ in range(15):
            assert fo.run(call).value == "hi"
        if error_class not in {"payload_too_large", "unsupported"}:
            assert script.asked.count("a") <= 5, error_class


def test_a_recovered_primary_is_asked_again_within_its_opening() -> None:
    returns = []
    for seed in range(20):
        clock = FakeClock()
        fo = failover(clock=clock, seed=seed)
        script = Script(clock, {"a": [broken()] * 3 + ["hi"], "b": ["hi"]})
        for wait in (0.0, 2.0):  # the first request makes it a suspect, which is tested two seconds later
            clock.advance(wait)
            fo.run(script.call)
        assert fo.health()["a"].health is Health.UNHEALTHY
        opened = clock.now
        while fo.run(script.call).target.id != "a":
            clock.advance(0.1)
        returns.append(clock.now - opened)
    assert min(returns) >= 1.6
    assert max(returns) <= 2.5
    assert median(returns) == pytest.approx(2.0, abs=0.3)


def test_whoever_comes_at_the_moment_the_opening_ends_one_makes_the_probe() -> None:
    clock = FakeClock()
    fo = failover(clock=clock, same_target_retries=0)
    for _ in range(3):
        fo.run(Script(clock, {"a": [broken()], "b": ["hi"]}).call)
    clock.advance(3)
    ready, others_done, lock, asked = Barrier(20), Event(), Lock(), Counter[str]()

    def call(asked_: Target) -> str:
        with lock:
            asked[asked_.id] += 1
            if asked["b"] == 19:
                others_done.set()
        if asked_.id == "a":
            assert others_done.wait(10)
        return asked_.id

    def request(_: int) -> str:
        ready.wait(10)
        return fo.run(call).value

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(request, range(20)))
    assert answers == {"a": 1, "b": 19}
    assert fo.health()["a"].state == "closed"
    assert fo.health().in_flight == 0


# -- many at once -----------------------------------------------------------------------------------------------------


def test_counters_add_up_whatever_happens_in_however_many_threads() -> None:
    fo = Failover(tier(3), Policy(same_target_retries=0, max_attempts=4, patience=0), clock=FakeClock(), rng=Random(1))
    kinds = sorted(set(FAULTS) - {"rate_limit"})
    calls: list[Counter[str]] = [Counter() for _ in range(8)]

    def worker(number: int) -> int:
        rng, answered = Random(number), 0

        def call(asked: Target) -> str:
            calls[number][asked.id] += 1
            if rng.random() < 0.5:
                raise FAULTS[rng.choice(kinds)]()
            calls[number][f"{asked.id} ok"] += 1
            return "hi"

        for _ in range(200):
            try:
                fo.run(call)
                answered += 1
            except Exception:  # noqa: BLE001 - any of them
                fo.replace_targets(tier(3))
        return answered

    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(worker, range(8)))
    made = sum(calls, Counter())
    for line in fo.health().targets:
        assert line.in_flight == 0
        assert line.attempts == line.successes + line.failures == made[line.target]
        assert line.successes == made[f"{line.target} ok"]
    assert answered == sum(line.successes for line in fo.health().targets)
    assert sum(line.attempts for line in fo.health().targets) > 20


def test_targets_change_while_requests_run() -> None:
    fo = Failover([*tier(3), target("z", 1)], Policy(max_attempts=3), clock=FakeClock(), rng=Random(1))
    stop = Event()

    def ask(number: int) -> set[str]:
        seen = set()
        while not stop.is_set():
            seen.add(fo.run(lambda t: t.id).value)
        return seen

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask, n) for n in range(4)]
        for round_ in range(100):
            fo.replace_targets([target("abc"[round_ % 3]), target("z", 1)])
        stop.set()
        seen = set().union(*(f.result(10) for f in futures))
    assert seen <= {"a", "b", "c", "z"}
    assert fo.health().in_flight == 0


def test_a_request_that_began_before_a_replacement_goes_on_with_the_new_targets_and_loses_nothing() -> None:
    fo = failover(target("a"), target("b", 1))

    def call(asked: Target) -> str:
        if asked.id == "a":
            fo.replace_targets([target("c"), target("d", 1)])
            raise unauthorized()
        return asked.id

    result = fo.run(call)
    assert result.value == "c"
    assert [(a.target, a.diagnosis is None) for a in result.trail.attempts] == [("a", False), ("c", True)]
    assert fo.run(lambda t: t.id).value == "c"
    assert fo.health().in_flight == 0


def test_replaced_targets_are_asked_from_then_on_and_those_that_stay_keep_their_health() -> None:
    clock = FakeClock()
    fo = failover(clock=clock)
    fo.run(Script(clock, {"a": [unauthorized()], "b": ["hi"]}).call)
    fo.replace_targets([target("a"), target("c", 1)])
    assert [t.id for t in fo.targets] == ["a", "c"]
    assert fo.run(lambda t: t.id).value == "c"
    with pytest.raises(KeyError):
        fo.health()["b"]


@pytest.mark.parametrize("end", ["success", "cancel"])
def test_a_target_that_is_full_of_calls_from_before_it_was_replaced_is_asked_when_they_end(end: str) -> None:
    fo = failover(target("a"), target("b", 1))
    before = [fo.acquire(), fo.acquire()]
    fo.replace_targets([target("a", max_parallel=1), target("b", 1)])
    for permit in before:
        assert permit
        getattr(permit, end)()
    for _ in range(3):
        permit = fo.acquire()
        assert permit
        assert permit.target.id == "a"
        permit.success()


def test_unsound_targets_replace_nothing() -> None:
    fo = failover()
    with pytest.raises(ConfigError):
        fo.replace_targets([])
    with pytest.raises(ConfigError):
        fo.replace_targets([target("x"), target("x")])
    assert [t.id for t in fo.targets] == ["a", "b"]
    assert fo.run(lambda t: t.id).value == "a"


EU = frozenset({"eu"})


@pytest.mark.parametrize(
    ("moved", "then"),
    [
        (target("b", 1, model="in Ohio"), []),
        (target("b", 1, tags=EU, model="in Dublin"), [("b", "in Dublin")]),
    ],
    ids=["out of where the request may go", "within"],
)
def test_a_request_under_way_goes_by_the_new_facts_of_a_target_and_still_never_where_it_may_not(
    moved: Target, then: list[tuple[str, str]]
) -> None:
    fo = failover(target("a", tags=EU), target("b", 1, tags=EU, model="in Frankfurt"))
    seen = []

    def call(asked: Target) -> str:
        seen.append((asked.id, asked.model))
        if asked.id == "a":
            fo.replace_targets([target("a", tags=EU), moved])
            raise unauthorized()
        return "hi"

    with contextlib.nullcontext() if then else pytest.raises(AllTargetsFailed):
        fo.run(call, Request(require_tags=EU))
    assert seen == [("a", "a-model"), *then]


# -- forks ------------------------------------------------------------------------------------------------------------

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

PRELUDE = """
import json, os, threading
from failover_plugin import Failover, Policy, Target

class Broken(Exception):
    status_code = 500

def in_child(tell):
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, json.dumps(tell()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        answer = json.loads(told.read())
    os.waitpid(child, 0)
    return answer

def broken(target):
    raise Broken()
"""


def forked(story: str) -> Any:
    """What a story that forks tells, in an interpreter of its own."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(story)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_fork
def test_a_forked_child_has_a_fresh_lock_and_nothing_in_flight() -> None:
    told = forked("""
        fo = Failover([Target("a", provider="p", model="m")])
        begun, done = threading.Event(), threading.Event()

        def call(target):
            begun.set()
            done.wait(10)
            return "hi"

        thread = threading.Thread(target=fo.run, args=(call,))
        thread.start()
        begun.wait(10)
        with fo._fleet.health.lock:
            told = in_child(lambda: [fo.health().in_flight, fo.run(lambda t: t.id).value, fo.health()["a"].successes])
        told.append(fo.health().in_flight)
        done.set()
        thread.join()
        print(json.dumps([*told, fo.health().in_flight, fo.health()["a"].successes]))
    """)
    assert told == [0, "a", 1, 1, 0, 1]


@needs_fork
def test_forked_children_do_not_come_back_in_step() -> None:
    told = forked("""
        fo = Failover([Target("a", provider="p", model="m")], Policy(same_target_retries=0))

        def opens():
            for _ in range(3):
                try:
                    fo.run(broken)
                except Exception:
                    pass
            return round(fo.health()["a"].returns_in, 2)

        print(json.dumps([in_child(opens) for _ in range(6)]))
    """)
    assert len(set(told)) > 1


@needs_fork
def test_a_seed_that_was_given_is_kept_in_a_forked_child() -> None:
    told = forked("""
        from random import Random
        fo = Failover([Target("a", provider="p", model="m")], rng=Random(3))
        print(json.dumps([in_child(fo._fleet.rng.random) for _ in range(2)]))
    """)
    assert told == [Random(3).random()] * 2


@needs_fork
def test_a_call_that_forks_settles_in_the_child_what_it_took_in_the_parent() -> None:
    told = forked("""
        fo = Failover([Target("a", provider="p", model="m")])

        def call(target):
            read, write = os.pipe()
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                os.close(write)
                with os.fdopen(read) as told:
                    return json.loads(told.read())
            call.write = write
            return "child"

        result = fo.run(call)
        if result.value == "child":
            os.write(call.write, json.dumps(fo.health().in_flight).encode())
            os._exit(0)
        print(json.dumps([result.value, fo.health().in_flight]))
    """)
    assert told == [0, 0]
