"""Whose fault it was decides who is left alone: targets, keys, accounts, rate windows."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from core.scripted import diagnosis, fleet_health, target

from failover_plugin.health import FleetHealth
from failover_plugin.health_report import Health
from failover_plugin.model import Diagnosis, ErrorClass, Scope
from failover_plugin.standing import Lease

T0 = 1000.0

SHARED_KEY = {"credential": "key-1", "provider": "p"}


def admit(health: FleetHealth, id_: str, now: float = T0, **kwargs: float) -> Lease:
    lease = health.admit(health.standings[id_], now, **kwargs)
    assert lease is not None, health.refusal(health.standings[id_], now)
    return lease


def fail(health: FleetHealth, id_: str, what: ErrorClass | str | Diagnosis, now: float = T0, times: int = 1) -> None:
    said = what if isinstance(what, Diagnosis) else diagnosis(what)
    for lease in [admit(health, id_, now) for _ in range(times)]:
        health.failed(lease, said, now)


def usable(health: FleetHealth, now: float = T0) -> str:
    """The ids that can be asked."""
    return "".join(
        t.target for t in health.report(now).targets if health.refusal(health.standings[t.target], now) is None
    )


def back_in(health: FleetHealth, id_: str, now: float = T0) -> float:
    skip = health.refusal(health.standings[id_], now)
    assert skip is not None
    assert skip.returns_in is not None
    return skip.returns_in


class TestADeadKey:
    """One request with it takes all its targets out."""

    @staticmethod
    def fleet() -> FleetHealth:
        return fleet_health(target("a", **SHARED_KEY), target("b", **SHARED_KEY), target("c", provider="p"))

    @pytest.mark.parametrize("error_class", ["auth", "quota_exhausted"])
    def test_takes_out_all_its_targets_after_one_request(self, error_class: str) -> None:
        health = self.fleet()
        fail(health, "a", error_class)
        assert usable(health) == "c"
        skip = health.refusal(health.standings["b"], T0)
        assert skip is not None
        assert error_class in skip.reason
        assert 48 <= back_in(health, "b") <= 72

    def test_comes_back_by_one_probe(self) -> None:
        health = self.fleet()
        fail(health, "a", "auth")
        later = T0 + 72.1
        assert usable(health, later) == "abc"
        probe = admit(health, "b", later)
        assert usable(health, later) == "c"
        health.succeeded(probe, later)
        assert usable(health, later) == "abc"

    def test_is_left_alone_twice_as_long_when_the_probe_fails(self) -> None:
        health = self.fleet()
        fail(health, "a", "auth")
        fail(health, "b", "auth", T0 + 72.1)
        assert 96 <= back_in(health, "a", T0 + 72.1) <= 144

    def test_counts_once_however_many_requests_found_out_at_the_same_time(self) -> None:
        health = self.fleet()
        fail(health, "a", "auth", times=20)
        assert 48 <= back_in(health, "a") <= 72
        fail(health, "a", "auth", T0 + 72.1)
        assert 96 <= back_in(health, "a", T0 + 72.1) <= 144

    def test_is_not_forgiven_by_a_success_that_began_before(self) -> None:
        health = self.fleet()
        early = admit(health, "b")
        fail(health, "a", "auth")
        health.succeeded(early, T0 + 1)
        assert usable(health, T0 + 1) == "c"


def test_keys_that_are_not_named_are_shared_with_nobody() -> None:
    health = fleet_health(target("a", provider="p", model="m"), target("b", provider="p", model="m"))
    fail(health, "a", "auth")
    assert usable(health) == "b"
    fail(health, "b", "server_error", times=3)
    assert usable(health) == ""
    assert usable(health, T0 + 3) == "b"


def test_a_longer_time_that_the_provider_names_is_kept_for_a_block() -> None:
    health = fleet_health(target("a"))
    fail(health, "a", diagnosis("quota_exhausted", retry_after=1000.0))
    assert back_in(health, "a") >= 800


def test_permission_is_a_matter_of_key_and_model() -> None:
    health = fleet_health(
        target("a", credential="k", model="m"),
        target("b", credential="k", model="n"),
        target("c", credential="k", model="m"),
        target("d", credential="l", model="m"),
    )
    fail(health, "a", "permission")
    assert usable(health) == "bd"


def test_an_account_out_of_money_takes_out_every_key_of_it() -> None:
    health = fleet_health(
        target("a", credential="k", account="acme"), target("b", credential="l", account="acme"), target("c")
    )
    fail(health, "a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    assert usable(health) == "c"


def test_a_server_is_an_endpoint_and_a_model_whatever_the_key() -> None:
    url = "https://one.example/v1"
    health = fleet_health(
        target("a", endpoint=url, model="m", credential="k"),
        target("b", endpoint=url, model="m", credential="l"),
        target("c", endpoint=url, model="n", credential="k"),
        target("d", endpoint="https://two.example/v1", model="m", credential="k"),
    )
    fail(health, "a", "server_error", times=3)
    assert usable(health) == "cd"


def test_a_server_without_a_named_endpoint_is_known_by_provider_key_and_model() -> None:
    health = fleet_health(
        target("a", provider="p", credential="k", model="m"),
        target("b", provider="p", credential="k", model="m"),
        target("c", provider="p", credential="l", model="m"),
    )
    fail(health, "a", "overloaded", times=3)
    assert usable(health) == "c"


def test_failures_of_two_targets_of_one_server_add_up() -> None:
    facts = {"endpoint": "https://one.example/v1", "model": "m"}
    health = fleet_health(target("a", **facts), target("b", **facts))
    fail(health, "a", "network", times=2)
    assert usable(health) == "ab"
    fail(health, "b", "network")
    assert usable(health) == ""


def test_a_model_that_is_missing_is_left_alone_for_ten_minutes() -> None:
    health = fleet_health(target("a"))
    fail(health, "a", "not_found")
    assert 480 <= back_in(health, "a") <= 720


@pytest.mark.parametrize(
    "error_class", ["context_window", "payload_too_large", "content_policy", "unsupported", "invalid_request"]
)
def test_the_callers_own_errors_blame_nobody(error_class: str) -> None:
    health = fleet_health(target("a", account="acme", credential="k"))
    fail(health, "a", error_class, times=50)
    report = health.report(T0)
    assert usable(health) == "a"
    assert report["a"].health is Health.HEALTHY
    assert report["a"].failures == 50


def test_the_callers_own_error_leaves_the_probes_place_to_another() -> None:
    health = fleet_health(target("a"))
    fail(health, "a", "server_error", times=3)
    fail(health, "a", "context_window", T0 + 3)
    assert usable(health, T0 + 3) == "a"
    assert health.report(T0 + 3)["a"].state == "half_open"


class TestARateLimit:
    """Cools one key's window for one model, until the time the provider named."""

    def test_cools_only_key_and_model(self) -> None:
        health = fleet_health(
            target("a", credential="k", model="m"),
            target("b", credential="k", model="m"),
            target("c", credential="k", model="n"),
            target("d", credential="l", model="m"),
        )
        fail(health, "a", diagnosis("rate_limit", retry_after=20.0))
        assert usable(health) == "cd"
        assert 20 <= back_in(health, "b") <= 22
        assert usable(health, T0 + 22.1) == "abcd"

    def test_is_over_for_everybody_at_once(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", diagnosis("rate_limit", retry_after=20.0))
        for _ in range(10):
            admit(health, "a", T0 + 22.1)

    def test_is_no_evidence_against_the_target(self) -> None:
        health = fleet_health(target("a"))
        for n in range(20):
            fail(health, "a", diagnosis("rate_limit", retry_after=1.0), T0 + 2 * n)
        assert health.report(T0 + 100)["a"].health is Health.HEALTHY

    def test_a_shorter_retry_after_never_replaces_a_longer_one(self) -> None:
        health = fleet_health(target("a"))
        leases = [admit(health, "a") for _ in range(2)]
        health.failed(leases[0], diagnosis("rate_limit", retry_after=60.0), T0)
        health.failed(leases[1], diagnosis("rate_limit", retry_after=1.0), T0)
        assert back_in(health, "a") >= 60

    def test_without_a_time_is_two_seconds_and_then_doubles(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "rate_limit")
        assert 2 <= back_in(health, "a") <= 2.2
        fail(health, "a", "rate_limit", T0 + 3)
        assert 4 <= back_in(health, "a", T0 + 3) <= 4.4

    def test_counts_for_the_probe_of_a_server_as_no_word_on_that_server(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error", times=3)
        fail(health, "a", diagnosis("rate_limit", retry_after=1.0), T0 + 3)
        assert health.report(T0 + 5)["a"].state == "half_open"
        assert usable(health, T0 + 5) == "a"


def test_a_rate_limit_leaves_the_place_of_a_probe_of_its_own_window_to_another() -> None:
    health = fleet_health(target("a"))
    fail(health, "a", "permission")
    fail(health, "a", diagnosis("rate_limit", retry_after=1.0), T0 + 72.1)
    assert health.report(T0 + 74)["a"].state == "half_open"
    assert usable(health, T0 + 74) == "a"


class TestInFlight:
    """Calls under way are counted, and each counted once."""

    def test_goes_up_and_back(self) -> None:
        health = fleet_health(target("a"), target("b"))
        leases = [admit(health, "a") for _ in range(4)]
        assert (health.report(T0)["a"].in_flight, health.report(T0).in_flight) == (4, 4)
        health.succeeded(leases[0], T0)
        health.failed(leases[1], diagnosis("unknown"), T0)
        health.released(leases[2])
        assert health.report(T0).in_flight == 1
        line = health.report(T0)["a"]
        assert (line.attempts, line.successes, line.failures) == (4, 1, 1)

    def test_a_lease_is_settled_once(self) -> None:
        health = fleet_health(target("a"), target("b"))
        lease = admit(health, "a")
        health.succeeded(lease, T0)
        health.succeeded(lease, T0)
        health.failed(lease, diagnosis("auth"), T0)
        health.released(lease)
        health.answered(lease, T0)
        line = health.report(T0)["a"]
        assert (line.in_flight, line.successes, line.failures) == (0, 1, 0)
        assert usable(health) == "ab"

    def test_a_lease_that_nobody_settles_expires_as_no_evidence(self) -> None:
        health = fleet_health(target("a"))
        lease = admit(health, "a", lifetime=30.0)
        assert health.report(T0 + 29.9).in_flight == 1
        assert health.report(T0 + 30).in_flight == 0
        health.failed(lease, diagnosis("auth"), T0 + 31)
        line = health.report(T0 + 31)["a"]
        assert (line.in_flight, line.failures, line.health) == (0, 0, Health.HEALTHY)

    def test_a_lost_probe_does_not_wedge_the_target(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error", times=3)
        admit(health, "a", T0 + 3, lifetime=30.0)
        assert usable(health, T0 + 32.9) == ""
        assert usable(health, T0 + 33) == "a"

    def test_the_first_content_renews_the_lease(self) -> None:
        health = fleet_health(target("a"))
        lease = admit(health, "a", lifetime=30.0)
        health.answered(lease, T0 + 20, 100.0)
        assert health.report(T0 + 119).in_flight == 1
        assert health.report(T0 + 120).in_flight == 0

    def test_nothing_is_kept_of_a_lease_that_is_settled(self) -> None:
        health = fleet_health(target("a"))
        health.succeeded(admit(health, "a", lifetime=30.0), T0)
        assert not health._mortal

    def test_of_many_leases_each_expires_at_its_own_time(self) -> None:
        health = fleet_health(target("a"))
        for lifetime in (30.0, 10.0, 20.0):
            admit(health, "a", lifetime=lifetime)
        assert [health.report(T0 + t).in_flight for t in (0, 10, 20, 30)] == [3, 2, 1, 0]

    def test_nothing_is_in_flight_after_a_fork(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error", times=3)
        admit(health, "a", T0 + 3, lifetime=60.0)
        health.after_fork()
        assert health.report(T0 + 3).in_flight == 0
        assert usable(health, T0 + 3) == "a"
        assert health.report(T0 + 100).in_flight == 0


class TestReplacing:
    """Who stays keeps its health; who is gone is not asked."""

    def test_keeps_health_and_counters(self) -> None:
        a, b = target("a"), target("b")
        health = fleet_health(a, b)
        fail(health, "a", "server_error", times=3)
        health.replace([target("c"), a])
        assert usable(health) == "c"
        assert health.report(T0)["a"].failures == 3

    def test_keeps_what_a_newcomer_shares(self) -> None:
        health = fleet_health(target("a", credential="k", model="m"))
        fail(health, "a", "auth")
        health.replace([target("b", credential="k", model="m")])
        assert usable(health) == ""

    def test_keeps_a_cooldown(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", diagnosis("rate_limit", retry_after=20.0))
        health.replace([target("a", weight=2.0)])
        assert back_in(health, "a") >= 20

    def test_a_new_key_under_the_same_id_starts_well(self) -> None:
        health = fleet_health(target("a", credential="k"))
        fail(health, "a", "auth")
        health.replace([target("a", credential="l")])
        assert usable(health) == "a"

    def test_who_is_gone_serves_those_who_still_know_it(self) -> None:
        health = fleet_health(target("a"), target("b"))
        lease, gone = admit(health, "a"), health.standings["a"]
        health.replace([target("b")])
        assert list(health.standings) == ["b"]
        health.succeeded(lease, T0)
        again = health.admit(gone, T0)
        assert again is not None
        health.released(again)
        assert gone.counts.in_flight == 0
        assert [t.target for t in health.report(T0).targets] == ["b"]

    def test_an_outcome_is_booked_on_the_facts_of_its_call(self) -> None:
        health = fleet_health(target("a", credential="old"))
        lease = admit(health, "a")
        health.replace([target("a", credential="new")])
        health.failed(lease, diagnosis("auth"), T0)
        assert usable(health) == "a"
        assert health.report(T0)["a"].failures == 1

    def test_a_call_under_way_speaks_of_the_key_it_was_made_with(self) -> None:
        health = fleet_health(target("a", credential="k"), target("b", credential="k"))
        lease = admit(health, "a")
        health.replace([target("a", credential="l"), target("b", credential="k")])
        health.failed(lease, diagnosis("auth"), T0)
        assert usable(health) == "a"
        assert health.report(T0).in_flight == 0


class TestTheReport:
    """Says who is well, who is not, why, and when they will be back."""

    @staticmethod
    def graded(health: FleetHealth, now: float = T0, id_: str = "a") -> tuple[Health, str]:
        line = health.report(now)[id_]
        return line.health, line.state

    def test_healthy(self) -> None:
        health = fleet_health(target("a"))
        assert self.graded(health) == (Health.HEALTHY, "closed")
        assert str(health.report(T0)) == "a: healthy, closed; 0 of 0 ok, 0 in flight"

    def test_suspected(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error")
        assert self.graded(health) == (Health.HEALTHY, "closed")
        fail(health, "a", "server_error")
        assert self.graded(health) == (Health.DEGRADED, "closed")
        assert "server_error" in health.report(T0)["a"].reason
        assert self.graded(health, T0 + 60) == (Health.HEALTHY, "closed")

    def test_open_then_half_open(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error", times=3)
        assert self.graded(health) == (Health.UNHEALTHY, "open")
        line = health.report(T0)["a"]
        assert line.reason == "target: server_error"
        assert line.returns_in == pytest.approx(2.0, rel=0.2)
        assert line.last_error == "server_error"
        assert self.graded(health, T0 + 3) == (Health.DEGRADED, "half_open")
        assert health.report(T0 + 3)["a"].returns_in is None

    def test_cooling(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", diagnosis("rate_limit", retry_after=20.0))
        assert self.graded(health) == (Health.DEGRADED, "cooling")
        assert "back in 2" in str(health.report(T0))

    def test_disabled(self) -> None:
        health = fleet_health(target("a", enabled=False))
        assert self.graded(health) == (Health.UNHEALTHY, "disabled")
        assert usable(health) == ""
        assert health.admit(health.standings["a"], T0) is None

    def test_names_every_scope_once(self) -> None:
        health = fleet_health(target("a", credential="k", account="acme"), target("b", credential="k", account="acme"))
        fail(health, "a", "auth")
        scopes = {(s.scope, s.key): s for s in health.report(T0).scopes}
        assert len(scopes) == len(health.report(T0).scopes) == 1 + 1 + 2 + 2
        key = scopes[Scope.CREDENTIAL, "k"]
        assert (key.state, key.reason) == ("open", "auth")
        assert key.returns_in == pytest.approx(60, rel=0.2)
        assert scopes[Scope.ACCOUNT, "acme"].state == "closed"

    def test_forgets_the_reason_of_an_opening_that_is_over(self) -> None:
        health = fleet_health(target("a"))
        fail(health, "a", "server_error", times=3)
        health.succeeded(admit(health, "a", T0 + 3), T0 + 3)
        assert {s.reason for s in health.report(T0 + 3).scopes} == {""}

    def test_is_plain_data_too(self) -> None:
        data = fleet_health(target("a")).report(T0).as_dict()
        assert data["targets"][0]["health"] == "healthy"
        assert {s["scope"] for s in data["scopes"]} == {"credential", "rate", "target"}

    def test_of_a_target_that_does_not_exist_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match="nobody"):
            fleet_health(target("a")).report(T0)["nobody"]

    def test_in_html_is_escaped(self) -> None:
        evil = "<script>alert('&')</script>"
        health = fleet_health(target(evil))
        fail(health, evil, Diagnosis(error_class=ErrorClass.AUTH, scope=Scope.CREDENTIAL, message=evil))
        html = health.report(T0)._repr_html_()
        page = Page(html)
        assert page.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
        assert evil in page.cells


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_an_account_that_the_target_does_not_name_is_known_by_its_credential() -> None:
    health = fleet_health(target("a", **SHARED_KEY), target("b", **SHARED_KEY))
    fail(health, "a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    assert usable(health) == ""


def test_names_that_read_alike_share_nothing() -> None:
    health = fleet_health(target("x"), target("b", credential="x"))
    fail(health, "b", "auth")
    assert usable(health) == "x"
    health = fleet_health(target("a", credential="k a", model="b"), target("b", credential="k", model="a b"))
    fail(health, "a", "permission")
    assert usable(health) == "b"
