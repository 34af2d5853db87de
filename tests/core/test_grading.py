"""Health for people: who is well, who is not, why, and when they will be back."""

from __future__ import annotations

from html.parser import HTMLParser
from math import log

import pytest
from core.fleets import Stage
from core.scripted import diagnosis, target

from failover_plugin.health_report import Health
from failover_plugin.model import Diagnosis, ErrorClass, Scope


def graded(stage: Stage, id_: str = "a") -> tuple[Health, str]:
    line = stage.line(id_)
    return line.health, line.state


def test_healthy() -> None:
    stage = Stage(target("a"))
    assert graded(stage) == (Health.HEALTHY, "closed")
    assert str(stage.health.report(stage.now)) == "a: healthy, closed; 0 of 0 ok, 0 in flight"


def test_suspected() -> None:
    stage = Stage(target("a"))
    stage.fail("a")
    assert graded(stage) == (Health.HEALTHY, "closed")
    stage.fail("a")
    assert graded(stage) == (Health.DEGRADED, "closed")
    assert stage.line("a").reason == "suspected: server_error"
    stage.now += 60
    assert graded(stage) == (Health.HEALTHY, "closed")


def test_suspected_for_being_late() -> None:
    stage = Stage(target("a"))
    stage.stream("a", 0.5)
    for lease in [stage.admit("a", streaming=True) for _ in range(2)]:
        stage.health.overdue(lease, stage.now)
    assert stage.line("a").reason == "suspected: late"


def test_open_then_half_open_then_ramping() -> None:
    stage = Stage(target("a"))
    stage.trip("a")
    assert graded(stage) == (Health.UNHEALTHY, "open")
    line = stage.line("a")
    assert (line.reason, line.last_error) == ("target: server_error", "server_error")
    assert line.returns_in == pytest.approx(2.0, rel=0.2)
    stage.now += 3
    assert graded(stage) == (Health.DEGRADED, "half_open")
    assert stage.line("a").returns_in is None
    probe = stage.admit("a")
    assert "a probe is under way" in str(stage.health.refusal(stage["a"], stage.now))
    stage.end(probe)
    assert graded(stage) == (Health.DEGRADED, "ramping")
    assert (stage.line("a").reason, stage.line("a").limit) == ("it has come back lately", 2)


def test_what_is_open_says_more_than_what_is_half_open() -> None:
    stage = Stage(target("a"))
    stage.trip("a")
    stage.now += 3
    stage.fail("a", "auth")
    assert graded(stage) == (Health.UNHEALTHY, "open")
    assert stage.line("a").reason == "credential: auth"


def test_cooling() -> None:
    stage = Stage(target("a"))
    stage.fail("a", diagnosis("rate_limit", retry_after=20.0))
    assert graded(stage) == (Health.DEGRADED, "cooling")
    assert "back in 2" in str(stage.health.report(stage.now))


def test_disabled() -> None:
    stage = Stage(target("a", enabled=False))
    assert graded(stage) == (Health.UNHEALTHY, "disabled")
    assert stage.usable() == ""
    assert stage.health.admit(stage["a"], stage.pick_request(), stage.now, 9.0) is None


def test_names_every_scope_that_something_was_booked_on_once() -> None:
    stage = Stage(target("a", credential="k", account="acme"), target("b", credential="k", account="acme"))
    assert stage.health.report(stage.now).scopes == ()
    stage.fail("a", Diagnosis(error_class=ErrorClass.QUOTA_EXHAUSTED, scope=Scope.ACCOUNT))
    stage.now += 80
    stage.fail("b", "auth")
    scopes = {(s.scope, s.key): s for s in stage.health.report(stage.now).scopes}
    assert set(scopes) == {(Scope.CREDENTIAL, "k"), (Scope.ACCOUNT, "acme")}
    key = scopes[Scope.CREDENTIAL, "k"]
    assert (key.state, key.reason) == ("open", "auth")
    assert key.returns_in == pytest.approx(60, rel=0.2)
    assert scopes[Scope.ACCOUNT, "acme"].returns_in is None


def test_forgets_the_reason_of_an_opening_that_is_over() -> None:
    stage = Stage(target("a"))
    stage.trip("a")
    stage.now += 3
    stage.succeed("a")
    assert [s.reason for s in stage.health.report(stage.now).scopes] == [""]


def test_tells_how_long_first_contents_take() -> None:
    stage = Stage(target("a"))
    assert (stage.line("a").p50, stage.line("a").usual, stage.line("a").deviation) == (None, None, None)
    stage.acquaint("a", 0.5, 99)
    stage.stream("a", 8.0)
    line = stage.line("a")
    assert (line.p50, line.p99) == (pytest.approx(0.5, rel=0.05), pytest.approx(0.5, rel=0.05))
    assert line.usual == pytest.approx(0.5, rel=0.05)
    assert line.deviation == pytest.approx(0.2, rel=0.05)
    assert line.anomalies == 1
    assert log(8.0 / line.usual) / line.deviation > 2.5


def test_of_plain_calls_tells_how_long_the_whole_takes() -> None:
    stage = Stage(target("a"))
    lease = stage.admit("a")
    stage.now += 3.0
    stage.health.succeeded(lease, stage.now, timed=True)
    assert stage.line("a").usual == pytest.approx(3.0)
    assert stage.line("a").p50 == pytest.approx(3.0, rel=0.05)


def test_is_plain_data_too() -> None:
    stage = Stage(target("a"))
    stage.fail("a")
    data = stage.health.report(stage.now).as_dict()
    assert data["targets"][0]["health"] == "healthy"
    assert [s["scope"] for s in data["scopes"]] == ["target"]


def test_of_a_target_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        Stage(target("a")).line("nobody")


def test_in_html_is_escaped() -> None:
    evil = "<script>alert('&')</script>"
    stage = Stage(target(evil))
    stage.fail(evil, Diagnosis(error_class=ErrorClass.AUTH, scope=Scope.CREDENTIAL, message=evil))
    page = Page(stage.health.report(stage.now)._repr_html_())
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
