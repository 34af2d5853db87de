"""No key is ever shown, however an error, a health report or a trail is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

import pytest
from core.scripted import ProviderError, chain

from failover_plugin import AllTargetsFailed, Diagnosis, Failover, StreamInterrupted, Target, Trail, classify
from failover_plugin.events import log_events
from failover_plugin.model import Attempt, ErrorClass, Scope, Skip
from failover_plugin.testing import FakeClock, Script

SECRET = "".join(f"{n:x}Zq{n}" for n in range(12))

QUOTED = [
    "Incorrect API key provided: sk-proj-{}. You can find your key in your account.",
    "Authorization: Bearer {}",
    "GET https://api.example/v1?key={}&alt=sse failed",
    "https://user:{}@proxy.example refused",
    "x-api-key: {}",
    "headers={{'api-key': '{}'}}",
    "AIza{}",
    "{}",
]


def quoting(template: str) -> ProviderError:
    return ProviderError(401, template.format(SECRET))


def shown(*things: object) -> str:
    """All the ways to look at them."""
    looks = []
    for thing in things:
        looks += [str(thing), repr(thing)]
        if hasattr(thing, "_repr_html_"):
            looks.append(thing._repr_html_())
        if hasattr(thing, "as_dict"):
            looks.append(json.dumps(thing.as_dict()))
    return "\n".join(looks)


@pytest.mark.parametrize("template", QUOTED)
def test_a_key_that_a_provider_quotes_goes_no_further(template: str, caplog: pytest.LogCaptureFixture) -> None:
    fo = Failover(chain(2), clock=FakeClock(), rng=Random(1), on_event=log_events)
    script = Script(FakeClock(), {"a": [quoting(template)], "b": [quoting(template)]})
    with pytest.raises(AllTargetsFailed) as raised:
        fo.run(script.call)
    error = raised.value
    looked_at = shown(error, error.trail, error.__notes__, fo.health(), fo.explain(), fo, *fo.recent_trails)
    assert SECRET not in looked_at
    assert "auth 401" in looked_at
    with pytest.raises(AllTargetsFailed) as refused:
        fo.run(script.call)
    assert SECRET not in shown(refused.value, refused.value.trail, *(record.args for record in caplog.records))
    assert "auth 401" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("template", QUOTED)
def test_a_broken_stream_shows_no_key(template: str, caplog: pytest.LogCaptureFixture) -> None:
    def open_(target: Target) -> Iterator[str]:
        yield "once"
        raise quoting(template)

    fo = Failover(chain(1), clock=FakeClock(), rng=Random(1), on_event=log_events)
    chunks = fo.stream(open_)
    with pytest.raises(StreamInterrupted) as raised:
        list(chunks)
    assert SECRET not in shown(raised.value, raised.value.trail, chunks.trail, fo.health())
    assert "auth 401" in caplog.text
    assert SECRET not in caplog.text


def test_the_diagnosis_of_a_quoted_key_hides_it_and_keeps_the_rest() -> None:
    said = classify(quoting(QUOTED[0]))
    assert "Incorrect API key provided" in said.message
    assert SECRET not in shown(said)


def test_a_trail_is_escaped_in_html() -> None:
    evil = "<img src=x onerror=alert(1)>"
    said = Diagnosis(error_class=ErrorClass.AUTH, scope=Scope.CREDENTIAL, message=evil)
    attempt = Attempt(number=1, target=evil, started=0.0, duration=0.1, diagnosis=said)
    html = Trail((attempt, Skip(target=evil, reason=evil)))._repr_html_()
    assert "<img" not in html
    assert html.count("&lt;img") == 5


def test_an_endpoint_shows_no_key() -> None:
    urls = [f"https://user:{SECRET}@api.example/v1", f"https://api.example/v1?key={SECRET}"]
    targets = [Target(i, provider="p", model="m", endpoint=url) for i, url in zip("ab", urls, strict=True)]
    fo = Failover(targets)
    assert SECRET not in shown(fo.targets, fo.health(), fo.explain())
    assert all("api.example/v1" in str(t.endpoint) for t in fo.targets)
