"""Every wire format is spoken with its provider's own SDK: a healthy answer comes whole, a broken stream raises."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from failover_plugin.emulator import Emulator, Site, faults
from failover_plugin.emulator.providers import PROVIDERS
from support.speakers import ASYNC_SPEAKERS, SPEAKERS, AsyncSpeaker, Speaker, chat

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")  # google-genai over aiohttp

WORDS = ["Hello ", "from ", "primary"]

_numbers = itertools.count()
_CHAT = [name for name in PROVIDERS if name not in {"anthropic", "bedrock", "cohere", "vertex"}]

every_speaker = pytest.mark.parametrize(("provider", "ask"), SPEAKERS.values(), ids=SPEAKERS)
every_async_speaker = pytest.mark.parametrize(("provider", "ask"), ASYNC_SPEAKERS.values(), ids=ASYNC_SPEAKERS)
plain_and_streaming = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])

MakeSite = Callable[[str], Site]


@pytest.fixture
def open_site(emulator: Emulator) -> MakeSite:
    return lambda provider: emulator.site(f"wire-{next(_numbers)}", provider=provider, reply="".join(WORDS))


@every_speaker
@plain_and_streaming
def test_a_healthy_answer_is_whole(open_site: MakeSite, provider: str, ask: Speaker, *, stream: bool) -> None:
    pieces = [text for text in ask(open_site(provider), stream=stream) if text]
    assert pieces == (WORDS if stream else ["".join(WORDS)])


@every_async_speaker
@plain_and_streaming
async def test_a_healthy_answer_is_whole_async(
    open_site: MakeSite, provider: str, ask: AsyncSpeaker, *, stream: bool
) -> None:
    pieces = [text async for text in ask(open_site(provider), stream=stream) if text]
    assert pieces == (WORDS if stream else ["".join(WORDS)])


@pytest.mark.parametrize("provider", _CHAT)
@plain_and_streaming
def test_each_provider_speaks_chat_completions_under_its_own_base_path(
    open_site: MakeSite, provider: str, *, stream: bool
) -> None:
    pieces = [text for text in chat(open_site(provider), stream=stream) if text]
    assert pieces == (WORDS if stream else ["".join(WORDS)])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/openai/v1/chat/completions",
        "/api/v1/chat/completions",
        "/inference/v1/chat/completions",
        "/inference/chat/completions",
        "/chat/completions",
        "/beta/chat/completions",
        "/api/paas/v4/chat/completions",
        "/api/coding/paas/v4/chat/completions",
        "/compatible-mode/v1/chat/completions",
        "/v1beta/openai/chat/completions",
        "/together/v1/chat/completions",
        "/hf-inference/models/meta-llama/Llama-3.3-70B-Instruct/v1/chat/completions",
    ],
)
def test_the_base_paths_that_are_known_to_be_used(open_site: MakeSite, path: str) -> None:
    import httpx

    site = open_site("huggingface")
    answer = httpx.post(f"{site.url}{path}", json={"model": "m", "messages": []}, timeout=5)
    assert answer.json()["choices"][0]["message"]["content"] == "".join(WORDS)


def _raises(ask: Speaker, site: Site, *, stream: bool) -> tuple[str, Exception | None]:
    text = ""
    try:
        for piece in ask(site, stream=stream):
            text += piece
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises
        return text, error
    return text, None


_SILENT = {"cohere"}  # says nothing of a message-end with an error


@every_speaker
def test_an_error_in_mid_stream_raises_after_what_came(open_site: MakeSite, provider: str, ask: Speaker) -> None:
    site = open_site(provider)
    site.fail(faults.stream_error(2))
    text, error = _raises(ask, site, stream=True)
    assert text == "Hello from "
    assert (error is None) is (provider in _SILENT)


@every_async_speaker
async def test_an_error_in_mid_stream_raises_after_what_came_async(
    open_site: MakeSite, provider: str, ask: AsyncSpeaker
) -> None:
    site = open_site(provider)
    site.fail(faults.stream_error(2))
    text = ""
    try:
        async for piece in ask(site, stream=True):
            text += piece
    except Exception:  # noqa: BLE001 - whatever the SDK raises
        assert provider not in _SILENT
    else:
        assert provider in _SILENT
    assert text == "Hello from "


@pytest.mark.parametrize("provider", _CHAT)
def test_openai_s_sdk_raises_what_any_dialect_says_in_mid_stream(open_site: MakeSite, provider: str) -> None:
    site = open_site(provider)
    site.fail(faults.stream_error(1))
    text, error = _raises(chat, site, stream=True)
    assert text == "Hello "
    assert (error is None) is (provider in {"mistral"})  # flat: no "error" that this SDK would find


@every_speaker
@plain_and_streaming
@pytest.mark.parametrize("fault", [faults.rate_limit, faults.invalid_api_key, faults.server_error])
def test_a_refusal_raises_before_anything_came(
    open_site: MakeSite, provider: str, ask: Speaker, *, stream: bool, fault: Callable[[], faults.Fault]
) -> None:
    site = open_site(provider)
    site.fail(fault())
    text, error = _raises(ask, site, stream=stream)
    assert text == ""
    assert error is not None
    assert [seen.fault for seen in site.requests] == [fault().name]


@every_speaker
def test_a_cut_stream_raises_or_ends_short(open_site: MakeSite, provider: str, ask: Speaker) -> None:
    site = open_site(provider)
    site.fail(faults.cut())
    text, error = _raises(ask, site, stream=True)
    assert text == "Hello from "
    assert error is not None


@every_speaker
@plain_and_streaming
def test_an_empty_answer_is_a_success(open_site: MakeSite, provider: str, ask: Speaker, *, stream: bool) -> None:
    site = open_site(provider)
    site.fail(faults.empty())
    text, error = _raises(ask, site, stream=stream)
    assert not text
    assert error is None or isinstance(error, IndexError | TypeError)  # a plain answer has no first content


def test_an_unknown_provider_is_a_config_error(emulator: Emulator) -> None:
    from failover_plugin import ConfigError

    with pytest.raises(ConfigError, match=r"provider = 'grok': .*Did you mean 'groq'"):
        emulator.site("x", provider="grok")


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.groq.com", "groq"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        ("my-resource.openai.azure.com", "azure"),
        ("europe-west4-aiplatform.googleapis.com", "vertex"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("my-site", None),
    ],
)
def test_a_site_that_is_named_by_a_host_is_its_provider_s(emulator: Emulator, host: str, provider: str | None) -> None:
    assert emulator.site(host).provider == provider
