"""Whatever comes in, a diagnosis comes out, and soon: no exception, no wait outside of [0 s, 1 h], no slow case.

``FAILOVER_FUZZ=200000`` tries so many answers, and times each; a small number, untimed, is the default, beside cases
that are made to waste time. A case is slow if the quickest of several runs takes more than 500 microseconds of
processor time, measured against a piece of work of the same kind.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import reprlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise, product
from time import thread_time
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from failover_plugin.classify import MAX_RETRY_AFTER, VERDICTS, classify, classify_response
from failover_plugin.classify.redact import MAX_MESSAGE, redact
from failover_plugin.model import Diagnosis

LIMIT = 500e-6
"""Seconds."""

TRIES = 30

YARDSTICK = 190e-6
"""Seconds that ``_work`` takes where the limit was set."""

CASES = int(os.environ.get("FAILOVER_FUZZ", "1000"))

IS_TIMED = "FAILOVER_FUZZ" in os.environ
"""Whether what Hypothesis thinks of has to come soon, too: by hand, on a machine that has nothing else to do."""

AT_ONCE = 5
"""So many bodies meet as many headers in one example: to think of them takes longer than to judge them."""

FUZZ = settings(
    max_examples=max(1, CASES // AT_ONCE**2),
    deadline=None,
    # to make an example smaller Hypothesis follows each line, and everything takes several times as long
    phases=(Phase.generate,) if IS_TIMED else tuple(Phase),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

_SAMPLE = json.dumps([{"error": {"message": "Rate limit reached " * 4, "code": i}} for i in range(100)])


def _work() -> None:
    json.loads(_SAMPLE)
    re.findall(r"\b(?:limit|code)\b[^:]{0,9}", _SAMPLE)


def seconds(run: Callable[[], object]) -> float:
    """Processor time of one run."""
    started = thread_time()
    run()
    return thread_time() - started


def judged(run: Callable[[], Diagnosis], links: int = 1) -> None:
    """Run it, check what comes out, and that it comes soon, for each link of a chain that may have to be asked."""
    results: list[Diagnosis] = []
    took = seconds(lambda: results.append(run()))
    found = results[0]
    assert found.retry_after is None or 0.0 <= found.retry_after <= MAX_RETRY_AFTER
    assert found.scope in {VERDICTS[found.error_class].scope, "request"}
    assert len(found.message) <= MAX_MESSAGE
    assert found.evidence
    assert str(found)
    if took > LIMIT * links and IS_TIMED:
        soon(run, LIMIT * links)


def soon(run: Callable[[], object], limit: float) -> None:
    """Its quickest run is within the limit, in the time of a machine on which the quickest ``_work`` is ``YARDSTICK``.

    Both are tried in turn, so that whatever else the machine is busy with slows both.
    """
    ours = work = float("inf")
    for _ in range(TRIES):
        ours, work = min(ours, seconds(run)), min(work, seconds(_work))
        if ours <= limit * max(1.0, work / YARDSTICK):
            return
    raise AssertionError(f"{ours * 1e6:.0f} microseconds, while {work * 1e6:.0f} go for {YARDSTICK * 1e6:.0f} of work")


PHRASES = """rate limit reached|on tokens per min (tpm): Limit 30,000, Used 1, Requested 2|Please try again in 7m12s
|per day|retry in 12.3s|regain access on 2025-06-01 at 00:00 UTC|maximum context length is 8192 tokens|does not exist
|requested 9000 tokens|prompt is too long: 210000 tokens > 200000 maximum|insufficient credits|quota|billing|overloaded
|high demand|content filter|safety|Invalid API key|Incorrect API key provided: |sk-|Bearer |key=|not found|limit: 0
|does not support tools|model|timed out|upstream connect error|exceeded|a|0|9|,| |\\|"|'|{|}|[|]|:|=|/|\n|<|>|<title>
|</title>|<!DOCTYPE html>|data: |event: error|[DONE]|://a:|x_|-|.|%|@|…|\x00|\u017f|\u0130|\u0663"""
FIELDS = """error errors message msg code type status status_code details detail innererror response metadata raw data
reason headers X-RateLimit-Reset retryDelay @type violations quotaId estimated_time retry_after error_code choices delta
finish_reason content candidates finishReason body event_type object title failed_generation loc"""
HEADER_NAMES = """Retry-After retry-after retry-after-ms X-MS-Retry-After-Ms date x-should-retry x-ratelimit-type
x-amzn-errortype x-ms-error-code x-ratelimit-remaining-requests x-ratelimit-reset-requests x-ratelimit-reset server via
anthropic-ratelimit-tokens-remaining anthropic-ratelimit-tokens-reset content-type request-id"""
ATTRIBUTE_NAMES = """status_code code type body message headers response status details request llm_provider error
raw_response litellm_response_headers original_exception exceptions error_code"""

FRAGMENTS = st.sampled_from(PHRASES.split("|"))
TEXT = st.lists(FRAGMENTS | st.text(max_size=6), max_size=8).map("".join)


def _stretched(part: str, factor: int, most: int) -> str:
    return (part * min(factor, most // max(1, len(part)) + 1))[:most]


HUGE = st.builds(
    _stretched, TEXT, st.sampled_from((3, 100, 10_000, 1_000_000)), st.sampled_from((300, 5_000, 17_000, 2_000_000))
)
KEYS = st.sampled_from(FIELDS.split())
ODD = st.none() | st.integers() | st.binary(max_size=3) | st.booleans() | st.just(()) | st.text(max_size=3)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.sampled_from((400, 429, "429", 1e308, 10**40, -1))
)


def _nested(keys: st.SearchStrategy[Any], leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=15
    )


JSON = _nested(KEYS, LEAVES)


def _deep(key: str | None, depth: int, end: object) -> object:
    for _ in range(depth):
        end = [end] if key is None else {key: end}
    return end


def _cyclic(key: str) -> object:
    body: dict[str, object] = {"message": "round and round"}
    body[key] = [body, {"error": body}]
    return body


def _deep_text(opening: str, depth: int) -> str:
    return opening * depth


def _packet(headers: bytes, payload: bytes) -> bytes:
    """A frame of AWS's event stream, with lengths and sums as they should be."""
    prelude = (len(headers) + len(payload) + 16).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    prelude += zlib.crc32(prelude).to_bytes(4, "big")
    frame = prelude + headers + payload
    return frame + zlib.crc32(frame).to_bytes(4, "big")


WHOLE = JSON.map(json.dumps)
EVENTS = st.lists(
    st.builds(
        "{}{}: {}\n{}".format,
        st.sampled_from(("", "event: error\n", "event: message_start\r\n", "id: 1\n", ": ping\n")),
        st.sampled_from(("data", "data", "error", "retry")),
        WHOLE | TEXT | st.just("[DONE]"),
        st.sampled_from(("\n", "", "\r\n")),
    ),
    max_size=6,
).map("".join)
PAGES = st.builds(
    "{}<html><head><title>{}</title></head><body>{}".format, st.sampled_from(("", "<!DOCTYPE html>")), TEXT, HUGE
)
TEXTS = st.one_of(
    TEXT,
    WHOLE,
    st.builds(lambda text, cut: text[:cut], WHOLE, st.integers(0, 400)),
    WHOLE.map(json.dumps),
    EVENTS,
    st.builds(lambda events, times: events * times, EVENTS, st.sampled_from((1, 50, 3_000))),
    PAGES,
    HUGE,
    st.builds(_deep_text, st.sampled_from(("[", '{"error":', '[{"message":', "(", '{"a":[')), st.integers(0, 20_000)),
    st.builds(lambda text: json.dumps({"error": {"message": text}}), HUGE),
    st.builds(lambda text: json.dumps({"error": {"metadata": {"raw": json.dumps({"error": text})}}}), HUGE | WHOLE),
)
BYTES = st.one_of(
    st.binary(),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: text[:2_000].encode("utf-16", "surrogatepass")),
    TEXT.map(lambda text: gzip.compress(text.encode("utf-8", "replace"), mtime=0)),
    st.builds(lambda packed, cut: gzip.compress(packed, mtime=0)[:cut], st.binary(), st.integers(0, 60)),
    st.builds(_packet, st.binary(max_size=20), WHOLE.map(str.encode)),
    TEXT.map(lambda text: bytearray(text, "utf-8", "replace")),
)
BODIES = st.one_of(
    JSON,
    TEXTS,
    BYTES,
    _nested(KEYS | ODD, LEAVES | HUGE | st.binary()),
    st.builds(_deep, st.none() | KEYS, st.sampled_from((5, 50, 5_000)), JSON),
    KEYS.map(_cyclic),
    st.builds(lambda part, times: [part] * times, JSON, st.sampled_from((20, 100_000))),
    st.builds(lambda part: {f"k{i}": part for i in range(5_000)}, JSON),
)
NAMES = st.sampled_from(HEADER_NAMES.split())
DATES = st.datetimes().map(lambda at: f"{at:%a, %d %b} {at.year:04} {at:%H:%M:%S} GMT") | st.datetimes().map(str)
VALUES = st.one_of(
    st.sampled_from(
        ("0", "20", "-1", "nan", "1e999", "7m12s", "9" * 5_000, "0x10", "٢٠", "text/html", "UserByModelByDay")
    ),
    st.integers().map(str),
    st.floats().map(str),
    DATES,
    HUGE,
    st.none() | st.integers() | st.floats() | st.binary() | st.lists(st.text(max_size=3), max_size=2),
)
HEADERS = st.one_of(
    st.dictionaries(NAMES | st.text(max_size=20), VALUES, max_size=8),
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    st.builds(lambda value: {f"x-ratelimit-reset-{i}": value for i in range(2_000)}, VALUES),
    st.none() | st.text(max_size=3) | st.integers(),
)
STATUSES = st.sampled_from((200, 400, 401, 402, 403, 404, 413, 429, 500, 503, 529)) | st.integers(-1, 1000)
PROVIDERS = st.none() | st.sampled_from(("openai", "Anthropic", "vertex_ai", "groq", "openrouter", "nobody", ""))


class Shown:
    """Something that is printed in few words: Hypothesis prints what fails, and some of it is megabytes, or endless."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"{type(self.held).__name__}: {reprlib.repr(self.held)}"


ANSWERS = st.tuples(*[st.tuples(STATUSES, BODIES.map(Shown), PROVIDERS)] * AT_ONCE)


@pytest.mark.timeout(3_600)
@FUZZ
@given(answers=ANSWERS, headers=st.tuples(*[HEADERS.map(Shown)] * AT_ONCE))
def test_any_response(answers: tuple[tuple[int, Shown, str | None], ...], headers: tuple[Shown, ...]) -> None:
    for (status, body, provider), sent in product(answers, headers):
        judged(partial(classify_response, status, sent.held, body.held, provider=provider))


class Hostile:
    """An object of which nothing can be asked."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(name)

    def __str__(self) -> NoReturn:
        raise RuntimeError

    __repr__ = __len__ = __iter__ = __bool__ = __hash__ = __str__  # type: ignore[assignment]


class Unwilling(Mapping[str, object]):
    """A mapping that breaks while it is read."""

    def __getitem__(self, key: str) -> NoReturn:
        raise OSError(key)

    def __iter__(self) -> Iterator[str]:
        yield "error"
        raise OSError

    def __len__(self) -> int:
        return 3


CLASSES = [
    type(name, (base,), {"__module__": module})
    for module, name, base in (
        ("openai", "RateLimitError", Exception),
        ("openai", "APIError", Exception),
        ("anthropic", "APIStatusError", Exception),
        ("google.genai.errors", "ClientError", Exception),
        ("botocore.exceptions", "ClientError", Exception),
        ("litellm.exceptions", "RateLimitError", Exception),
        ("litellm.exceptions", "MidStreamFallbackError", Exception),
        ("mistralai", "SDKError", Exception),
        ("langchain_core.exceptions", "ModelAPIError", ValueError),
        ("httpx", "ReadTimeout", OSError),
        ("somewhere", "Error", Exception),
    )
]
ATTRIBUTES = st.dictionaries(
    st.sampled_from(ATTRIBUTE_NAMES.split()),
    st.one_of(BODIES, HEADERS, STATUSES, st.builds(Hostile), st.builds(Unwilling), st.just(ValueError("inside"))),
    max_size=5,
)


class Held:
    """A response: whatever attributes it is given."""

    def __init__(self, attributes: dict[str, object]) -> None:
        vars(self).update(attributes)


def _raised(cls: type[Exception], arguments: list[object], attributes: dict[str, object]) -> Exception:
    error = cls(*arguments)
    vars(error).update({name: value for name, value in attributes.items() if name != "errno"})
    return error


ARGUMENTS = st.lists(BODIES | st.builds(Hostile), max_size=2)
ERRORS = st.builds(
    _raised, st.sampled_from(CLASSES), ARGUMENTS, ATTRIBUTES | st.builds(lambda a: {"response": Held(a)}, ATTRIBUTES)
)


@pytest.mark.timeout(3_600)
@FUZZ
@given(shown=st.lists(ERRORS.map(Shown), min_size=1, max_size=AT_ONCE), round_about=st.booleans(), provider=PROVIDERS)
def test_any_exception(shown: list[Shown], *, round_about: bool, provider: str | None) -> None:
    errors = [one.held for one in shown]
    for error in errors:
        judged(partial(classify, error, provider=provider))
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    if round_about:
        errors[-1].__context__ = errors[0]
    judged(partial(classify, errors[0], provider=provider), len(errors))


KIB = 1024
SLOW = {
    "one word": "a" * 17 * KIB,
    "blanks": " " * 17 * KIB,
    "lines": "\n" * 17 * KIB,
    "words": "word " * 4 * KIB,
    "small words": "x " * 9 * KIB,
    "capitals": "İ" * 17 * KIB,
    "megabytes": "word " * KIB * KIB,
    "megabytes of bytes": b"word " * KIB * KIB,
    "open brackets": "[" * 17 * KIB,
    "open objects": '{"error":' * 2 * KIB,
    "digits": "9" * 17 * KIB,
    "a number": '{"code": ' + "9" * 4_000 + "}",
    "quotes": '"' * 17 * KIB,
    "backslashes": '{"message": "' + "\\" * 16 * KIB,
    "codes": '"code": "x", ' * 2 * KIB,
    "messages": '"message": "x", ' * 2 * KIB,
    "events": "data: {}\n\n" * 2 * KIB,
    "events of errors": 'data: {"error": {"message": "x"}}\n\n' * 500,
    "empty events": "data:\n" * 3 * KIB,
    "titles": "<title" * 3 * KIB,
    "html": "<html><title>x</title>" + "<p>upstream connect error</p>" * 600,
    "numbers": json.dumps(list(range(4_000))),
    "objects": json.dumps([{"error": {"message": "x", "code": "y"}}] * 400),
    "objects in JSON in JSON": json.dumps({"error": {"metadata": {"raw": json.dumps([{"error": "x"}] * 800)}}}),
    "a long message": json.dumps({"error": {"message": "Rate limit reached. " * 800, "code": "rate_limit_exceeded"}}),
    "a list of errors": {
        "detail": [{"loc": ["body", i], "msg": "field required", "type": "missing"} for i in range(4_000)]
    },
    "many keys": {f"k{i}": "v" for i in range(100_000)},
    "long keys": {"k" * 1_000_000: "v"},
    "limits": "limit 1,000, used 1, requested 2 " * 500,
    "near misses of a wait": "please try again in 1h2m3s4 " * 600,
    "hours": "try again in " + "1h" * 8 * KIB,
    "assignments": "key=" * 4 * KIB,
    "addresses": "https://a:" * 2 * KIB,
    "gzip": gzip.compress(b"word " * 10 * KIB, mtime=0) * 200,
    "surrogates": "\ud800" * 17 * KIB,
    "Latin": ("é" * 17 * KIB).encode("latin-1"),
    "UTF-16": ("é" * 17 * KIB).encode("utf-16"),
}


CASE = [pytest.param(body, id=name) for name, body in SLOW.items()]


@pytest.mark.parametrize("body", CASE)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_body_made_to_waste_time(status: int, body: object) -> None:
    soon(partial(classify_response, status, {}, body), LIMIT)


@pytest.mark.parametrize("body", CASE)
def test_an_exception_made_to_waste_time(body: object) -> None:
    error = CLASSES[0](body)
    vars(error).update(body=body, status_code=429)
    soon(partial(classify, error), LIMIT)
    soon(partial(classify, CLASSES[-1](body)), LIMIT)


@pytest.mark.parametrize(
    "value", ["9" * 1_000_000, "1h" * 500_000, "0", " " * 1_000_000, "2025-11-05T12:00:00Z"], ids=len
)
def test_headers_made_to_waste_time(value: str) -> None:
    headers = {f"x-ratelimit-reset-{i}": value for i in range(5_000)} | {"retry-after": value, "date": value}
    headers |= {f"x-ratelimit-remaining-{i}": "0" for i in range(90)}
    soon(partial(classify_response, 429, headers, ""), LIMIT)


@given(TEXT | st.text())
@example("Bearer Bearer rate limit reached")
@example("Authorization: Bearer Bearer rate limit reached")
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assume(len(once) < MAX_MESSAGE)  # else it is cut, and may be cut within a mark
    assert redact(once) == once
