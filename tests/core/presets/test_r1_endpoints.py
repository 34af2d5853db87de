"""R1, endpoints with three health states: a test for each row of its table, then one for each defect mended."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from core.presets.stage import Stage
from core.scripted import broken

from failover_plugin import AllTargetsFailed, ConfigError, Failover, Health, presets
from failover_plugin.testing import Script

A, B, C = (f"https://{host}.example/v1" for host in "abc")


def stage(*urls: str, **settings: Any) -> Stage:
    targets = presets.endpoint_targets(urls or (A, B, C), provider="xai", model="grok-4")
    return Stage(targets, presets.endpoints(**settings))


# -- health of an endpoint --------------------------------------------------------------------------------------------


def test_row_health_healthy_then_degraded_then_unhealthy() -> None:
    here = stage()
    assert here.line(A).health is Health.HEALTHY
    permits = [here.takes(A) for _ in range(3)]
    grades = []
    for permit in permits:
        permit.failure(broken())
        grades.append(here.line(A).health)
    assert grades == [Health.DEGRADED, Health.DEGRADED, Health.UNHEALTHY]


def test_row_success_resets_the_count_and_is_healthy_again() -> None:
    here = stage()
    for _ in range(3):  # never three in a row
        here.fails_at_once(A, 2)
        assert here.line(A).health is Health.DEGRADED
        here.clock.advance(2)
        here.succeeds(A)
        assert (here.line(A).health, here.line(A).consecutive_failures) == (Health.HEALTHY, 0)


@pytest.mark.parametrize("max_failures", [1, 2, 3, 5, 6, 7, 10])
def test_row_max_failures(max_failures: int) -> None:
    here = stage(max_failures=max_failures)
    permits = [here.takes(A) for _ in range(max_failures)]
    for permit in permits[:-1]:
        permit.failure(broken())
    assert here.line(A).health is not Health.UNHEALTHY
    permits[-1].failure(broken())
    assert here.line(A).health is Health.UNHEALTHY


def test_row_max_failures_are_counted_however_far_apart_they_are() -> None:
    here = stage()
    for _ in range(3):
        assert here.line(A).health is not Health.UNHEALTHY
        here.clock.advance(3600)
        here.fails(A)
    assert here.line(A).health is Health.UNHEALTHY


def test_row_max_failures_are_three_unless_told() -> None:
    assert presets.endpoints() == presets.endpoints(max_failures=3, retry_after=60, auto_rotate=True)


def test_row_retry_after_it_comes_back_degraded_with_a_clean_count_and_never_straight_to_healthy() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    here.clock.advance(59.9)
    assert here.line(A).health is Health.UNHEALTHY
    assert here.line(A).returns_in == pytest.approx(0.1)
    here.clock.advance(0.1)
    assert here.line(A).health is Health.DEGRADED
    here.fails(A)
    here.fails(A)
    assert here.line(A).health is Health.DEGRADED, "the count began anew"
    here.fails(A)
    assert here.line(A).health is Health.UNHEALTHY
    here.clock.advance(60)
    here.succeeds(A)
    assert here.line(A).health is Health.HEALTHY


# -- rotation ---------------------------------------------------------------------------------------------------------


def test_row_auto_rotate_a_failure_that_makes_it_unhealthy_rotates() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    assert here.current == B
    assert [here.succeeds(), here.succeeds()] == [B, B]


def test_row_auto_rotate_off_the_caller_rotates_by_hand() -> None:
    here = stage(auto_rotate=False)
    for _ in range(5):
        assert here.fails() == A, "well or not"
    here.failover.rotate()
    assert here.succeeds() == B


def test_row_rotation_is_circular() -> None:
    here = stage()
    turned = [here.failover.rotate() for _ in range(4)]
    assert [t and t.id for t in turned] == [B, C, A, B]


def test_row_rotation_skips_endpoints_in_cooldown() -> None:
    here = stage()
    here.fails_at_once(B, 3)
    assert here.succeeds(A) == here.current == A
    here.failover.rotate()
    assert here.current == C


def test_row_rotation_if_all_are_unhealthy_it_is_simply_the_next_one() -> None:
    here = stage()
    for url in (A, B, C):
        here.fails_at_once(url, 3)
        here.clock.advance(1)
    assert here.current == A, "the next in the round, and the first that is due back"
    here.clock.advance(56)
    permit = here.takes()
    assert (permit.target.id, permit.wait) == (A, 0), "at once, though it is due back in a second"


def test_a_failure_is_told_at_once_where_there_is_nobody_else() -> None:
    here = stage(A)
    script = Script(here.clock, {A: [broken()]})
    with pytest.raises(AllTargetsFailed):
        here.failover.run(script.call)
    assert script.asked == [A]


# -- operations -------------------------------------------------------------------------------------------------------


def test_row_operation_current_endpoint() -> None:
    current = stage().failover.current()
    assert current is not None
    assert current.endpoint == A


def test_row_operation_current_index_and_endpoint_count() -> None:
    fo = stage().failover
    rotated = fo.rotate()
    assert rotated is not None
    assert (fo.targets.index(rotated), len(fo.targets)) == (1, 3)


def test_row_operation_record_success_and_failure_and_whether_it_rotated() -> None:
    here = stage()
    permits = [here.takes(A) for _ in range(3)]
    here.takes(A).success()
    for permit in permits:
        assert permit.failure(broken()).status == 500
    assert here.failover.current() != permits[-1].target
    assert (here.line(A).successes, here.line(A).failures) == (1, 3)


def test_row_operation_health_of_all() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    here.fails(B)
    assert [(line.target, line.health) for line in here.failover.health().targets] == [
        (A, Health.UNHEALTHY),
        (B, Health.DEGRADED),
        (C, Health.HEALTHY),
    ]


def test_row_operation_reset_makes_all_healthy_and_goes_back_to_index_0() -> None:
    here = stage()
    here.failover.rotate()
    here.fails_at_once(A, 3)
    here.fails_at_once(B, 3)
    here.failover.reset()
    assert {line.health for line in here.failover.health().targets} == {Health.HEALTHY}
    assert {line.consecutive_failures for line in here.failover.health().targets} == {0}
    assert here.current == A


def test_row_construction_an_empty_list_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"urls = \[\]: there is nobody to ask"):
        presets.endpoint_targets([], provider="xai", model="grok-4")


def test_row_sharing_one_state_for_many_threads() -> None:
    here = stage()
    fo = here.failover
    together = threading.Barrier(8)

    def client(share: Failover) -> None:
        together.wait()
        for number in range(50):
            permit = share.acquire()
            assert permit is not None
            permit.success() if number % 5 else permit.cancel()

    clients = [threading.Thread(target=client, args=(fo,)) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert (here.line(A).attempts, here.line(A).successes, here.line(A).in_flight) == (400, 320, 0)


# -- defects mended ---------------------------------------------------------------------------------------------------


def test_mended_a_degraded_endpoint_loses_its_traffic_to_healthy_ones_and_is_tested_singly() -> None:
    here = stage()
    here.fails()
    assert [here.succeeds() for _ in range(5)] == [B] * 5
    here.clock.advance(2)
    test = here.takes()
    assert test.target.id == A
    assert here.succeeds() == B, "while the test is under way"
    test.success()
    assert here.line(A).health is Health.HEALTHY


def test_mended_a_late_failure_of_the_old_endpoint_does_not_punish_the_new_one() -> None:
    here = stage()
    late = here.takes(A)
    here.fails_at_once(A, 3)
    returns_in = here.line(A).returns_in
    assert here.current == B
    here.clock.advance(5)
    late.failure(broken())
    assert here.line(B).health is Health.HEALTHY
    assert here.line(B).failures == 0
    assert here.line(A).returns_in == pytest.approx((returns_in or 0) - 5), "nor is the old one's time prolonged"


def test_mended_a_late_success_of_the_old_endpoint_heals_neither() -> None:
    here = stage()
    late = here.takes(A)
    here.fails_at_once(A, 3)
    here.fails(B)
    late.success()
    assert here.line(A).health is Health.UNHEALTHY
    assert here.line(B).health is Health.DEGRADED


def test_mended_not_everybody_comes_back_at_once_after_the_cooldown() -> None:
    here = stage()
    here.fails_at_once(A, 3)
    here.clock.advance(60)
    permits = [here.takes() for _ in range(20)]
    assert [permit.target.id for permit in permits].count(A) == 3
    permits[0].success()
    assert here.line(A).health is Health.HEALTHY


def test_mended_the_request_that_fails_goes_on_at_the_next_endpoint() -> None:
    here = stage()
    script = Script(here.clock, {A: [broken()], B: ["hi"]})
    assert here.failover.run(script.call).target.id == B


def test_mended_the_cooldown_is_looked_at_with_every_request_not_only_while_rotating() -> None:
    here = stage(A, B)
    here.fails_at_once(A, 3)
    assert here.succeeds() == B
    here.clock.advance(60)
    assert here.succeeds() == A, "nobody had to rotate"


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("not a url", "is not a URL"),
        ("api.example/v1", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://a.example:port", "is not a URL"),
        ("https://a b.example", "is not a URL"),
        ("https://:443/v1", "is not a URL"),
        ("ftp://a.example", "its scheme is neither http nor https"),
        ("file:///etc/passwd", "is not a URL"),
    ],
)
def test_what_is_no_base_url_is_refused_with_its_place(url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"urls\[1\] = .*{complaint}"):
        presets.endpoint_targets([A, url], provider="xai", model="grok-4")


def test_one_url_instead_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="give a list of URLs, even for one"):
        presets.endpoint_targets(A, provider="xai", model="grok-4")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_failures": 0}, "max_failures = 0: it should be a whole number, 1 or more"),
        ({"max_failures": 2.5}, "max_failures = 2.5: it should be a whole number"),
        ({"max_failures": True}, "max_failures = True: it should be a whole number"),
        ({"retry_after": 0}, "retry_after = 0: it should be a number of seconds greater than 0"),
        ({"retry_after": float("nan")}, "retry_after = nan: it should be"),
        ({"retry_after": float("inf")}, "retry_after = inf: it should be"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        presets.endpoints(**settings)


def test_a_url_shows_no_secret() -> None:
    (target,) = presets.endpoint_targets(["https://me:hunter2hunter2@a.example/v1?key=abc"], provider="p", model="m")
    assert target.id == target.endpoint == "https://a.example/v1"
