"""Images, speech, transcriptions, moderations and reranking, as real clients see them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cohere
import httpx
import litellm
import openai
import pytest
from cohere.core import ApiError

from failover_plugin.emulator import Emulator, Site, endpoints, faults, media
from support.providers import KEY

REPLY = "Hello from primary"
SOUND = ("sound.wav", b"RIFF\r\n\x00\xff\r\r\n--boundary" + bytes(range(256)) * 4 + b"\r\n")
DOCUMENTS = ["the blue sky", "a red fox"]

Told = Callable[[Any, Site], bool]


def in_picture(answer: Any, _site: Site) -> bool:
    return REPLY.encode() in base64.b64decode(answer.data[0].b64_json)


def in_sound(answer: Any, _site: Site) -> bool:
    return answer.content.startswith(b"ID3") and REPLY.encode() in answer.content


def in_text(answer: Any, _site: Site) -> bool:
    return answer.text == REPLY


def in_id(answer: Any, site: Site) -> bool:
    return answer.id.endswith(f"{site.name}-1")


CALLS: dict[str, tuple[str, dict[str, Any], Told]] = {
    "dall-e-3": (
        "image_generation",
        {"model": "openai/dall-e-3", "prompt": "a cat"},
        lambda answer, site: answer.data[0].revised_prompt == REPLY and site.name in answer.data[0].url,
    ),
    "gpt-image-1": ("image_generation", {"model": "openai/gpt-image-1", "prompt": "a cat"}, in_picture),
    "tts-1": ("speech", {"model": "openai/tts-1", "input": "hi", "voice": "alloy"}, in_sound),
    "whisper-1": ("transcription", {"model": "openai/whisper-1", "file": SOUND}, in_text),
    "gpt-4o-transcribe": ("transcription", {"model": "openai/gpt-4o-transcribe", "file": SOUND}, in_text),
    "moderation": ("moderation", {"model": "omni-moderation-latest", "input": "hi"}, in_id),
    "rerank": ("rerank", {"model": "cohere/rerank-v3.5", "query": "red fox", "documents": DOCUMENTS}, in_id),
}

every_call = pytest.mark.parametrize("call", CALLS)
sync_and_async = pytest.mark.parametrize("in_async", [False, True], ids=["sync", "async"])


async def through_litellm(site: Site, call: str, *, in_async: bool, **options: Any) -> Any:
    """The synchronous call is made in a thread, where it leaves no event loop open."""
    function, own, _ = CALLS[call]
    base = site.url if function == "rerank" else site.openai_url  # LiteLLM adds /v2/rerank, as the SDK adds its paths
    asked: dict[str, Any] = {"api_base": base, "api_key": KEY, "timeout": 2, "max_retries": 0, **own, **options}
    if in_async:
        return await getattr(litellm, f"a{function}")(**asked)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(getattr(litellm, function), **asked).result()


@every_call
@sync_and_async
async def test_litellm_is_told_who_answered(site: Site, call: str, *, in_async: bool) -> None:
    answer = await through_litellm(site, call, in_async=in_async)
    assert CALLS[call][2](answer, site)


@every_call
@sync_and_async
async def test_litellm_meets_a_rate_limit(site: Site, call: str, *, in_async: bool) -> None:
    """An ``openai.RateLimitError`` in any case, LiteLLM's own is one too.

    Its moderations have no say in retries and timeouts: the client's own come first, here soon.
    """
    site.fail(faults.rate_limit(retry_after=0.001))
    with pytest.raises(openai.RateLimitError) as caught:
        await through_litellm(site, call, in_async=in_async)
    assert caught.value.status_code == 429
    assert [seen.fault for seen in site.requests] == ["rate_limit"] * (3 if call == "moderation" else 1)


@pytest.mark.parametrize("call", [call for call in CALLS if call != "moderation"])
@sync_and_async
async def test_litellm_waits_no_longer_than_it_was_told_to(site: Site, call: str, *, in_async: bool) -> None:
    site.fail(faults.hang())
    with pytest.raises(openai.APITimeoutError):
        await through_litellm(site, call, in_async=in_async, timeout=0.15)


@pytest.mark.parametrize(("version", "options"), [("1", {"max_chunks_per_doc": 3}), ("2", {})])
async def test_litellm_reranks_by_either_version(site: Site, version: str, options: dict[str, Any]) -> None:
    for base in (site.url, f"{site.url}/v{version}/rerank"):
        answer = await through_litellm(site, "rerank", in_async=True, api_base=base, return_documents=True, **options)
        assert [result["index"] for result in answer.results] == [1, 0]
        assert ("document" in answer.results[0]) is (version == "1")
    assert {seen.path for seen in site.requests} == {f"/v{version}/rerank"}


def sdk(site: Site, timeout: float = 2.0) -> openai.OpenAI:
    return openai.OpenAI(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=timeout)


BY_SDK: dict[str, tuple[Callable[[Any], Any], Told]] = {
    "images": (lambda client: client.images.generate(model="gpt-image-1", prompt="a cat"), in_picture),
    "speech": (lambda client: client.audio.speech.create(model="tts-1", input="hi", voice="alloy"), in_sound),
    "transcriptions": (lambda client: client.audio.transcriptions.create(model="whisper-1", file=SOUND), in_text),
    "moderations": (lambda client: client.moderations.create(input="hi"), in_id),
}

every_endpoint = pytest.mark.parametrize("endpoint", BY_SDK)


@every_endpoint
def test_the_sdk_is_told_who_answered(site: Site, endpoint: str) -> None:
    ask, told = BY_SDK[endpoint]
    with sdk(site) as client:
        assert told(ask(client), site)


@every_endpoint
async def test_the_async_sdk_is_told_who_answered(site: Site, endpoint: str) -> None:
    ask, told = BY_SDK[endpoint]
    async with openai.AsyncOpenAI(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=2) as client:
        answer: Awaitable[Any] = ask(client)
        assert told(await answer, site)


@every_endpoint
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.overloaded(), openai.InternalServerError),
        (faults.content_policy(), openai.BadRequestError),
        (faults.reset(), openai.APIConnectionError),
        (faults.cut(), openai.APIConnectionError),
        (faults.hang(), openai.APITimeoutError),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_sdk_meets_a_fault(site: Site, endpoint: str, fault: faults.Fault, error: type[Exception]) -> None:
    site.script(fault)
    ask, _ = BY_SDK[endpoint]
    with sdk(site, timeout=0.5) as client:
        with pytest.raises(error):
            ask(client)
        assert site.requests[0].fault == fault.name
        assert ask(client)


def test_a_file_arrives_whole_and_the_fields_beside_it_do_too(site: Site) -> None:
    with sdk(site) as client:
        client.audio.transcriptions.create(model="whisper-1", file=SOUND, prompt="grün", temperature=0.5)
    (seen,) = site.requests
    assert (seen.model, seen.path, seen.stream) == ("whisper-1", "/v1/audio/transcriptions", False)
    assert seen.body == {
        "model": "whisper-1",
        "prompt": "grün",
        "temperature": "0.5",
        "file": {"filename": "sound.wav", "bytes": len(SOUND[1])},
    }


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_a_transcription_may_be_plain_text(site: Site, form: Any) -> None:
    with sdk(site) as client:
        text: Any = client.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format=form)
    assert REPLY in text.splitlines()


@pytest.mark.parametrize(
    ("fault", "said"),
    [(None, ["Hello ", "from ", "primary", REPLY]), (faults.early_end(), ["Hello ", "from "]), (faults.empty(), [""])],
)
def test_a_transcription_is_streamed(site: Site, fault: faults.Fault | None, said: list[str]) -> None:
    site.script(fault)
    with sdk(site) as client:
        stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True)
        heard = [event.delta if event.type == "transcript.text.delta" else event.text for event in stream]
    assert heard == said


def test_a_stream_of_transcription_breaks_off_with_an_error(site: Site) -> None:
    site.fail(faults.stream_error(1))
    with sdk(site) as client:
        events = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True)
        assert next(events).type == "transcript.text.delta"
        with pytest.raises(openai.APIError, match="overloaded"):
            next(events)


def test_whisper_does_not_stream(site: Site) -> None:
    with sdk(site) as client:
        answer: Any = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=SOUND, stream=True)
    assert answer.headers["content-type"] == "application/json"


def test_audio_that_ends_early_is_still_audio(site: Site) -> None:
    site.script(faults.early_end(), None)
    with sdk(site) as client:
        short, whole = (client.audio.speech.create(model="tts-1", input="hi", voice="alloy") for _ in range(2))
    assert short.response.headers["content-type"] == whole.response.headers["content-type"] == "audio/mpeg"
    assert whole.content.startswith(short.content)
    assert len(short.content) < len(whole.content)


def test_nothing_may_come_of_it(site: Site) -> None:
    site.fail(faults.empty())
    with sdk(site) as client:
        assert client.images.generate(model="dall-e-3", prompt="a cat").data == []
        assert client.audio.speech.create(model="tts-1", input="hi", voice="alloy").content == b""
        assert client.audio.transcriptions.create(model="whisper-1", file=SOUND).text == ""
        assert client.moderations.create(input="hi").results == []


def test_as_many_pictures_as_were_asked_for(site: Site) -> None:
    with sdk(site) as client:
        answer = client.images.generate(model="dall-e-2", prompt="a cat", n=2, response_format="b64_json")
    assert len(answer.data or ()) == 2


def test_each_text_is_moderated(site: Site) -> None:
    with sdk(site) as client:
        assert len(client.moderations.create(input=["one", "two"]).results) == 2
        (result,) = client.moderations.create(input=[{"type": "text", "text": "one"}]).results
    assert not result.flagged


def test_azure_deployments_are_asked_under_their_own_paths(site: Site) -> None:
    version = "2024-10-21"
    with openai.AzureOpenAI(azure_endpoint=site.azure_url, api_key=KEY, api_version=version, max_retries=0) as client:
        assert in_text(client.audio.transcriptions.create(model="my-whisper", file=SOUND), site)
        assert client.images.generate(model="my-dall-e", prompt="a cat").data
    assert [seen.model for seen in site.requests] == ["my-whisper", "my-dall-e"]


def test_cohere_s_sdk_reranks(site: Site) -> None:
    site.script(None, faults.rate_limit())
    with httpx.Client() as transport:
        client = cohere.ClientV2(api_key=KEY, base_url=site.url, httpx_client=transport, timeout=2)
        answer = client.rerank(model="rerank-v3.5", query="red fox", documents=DOCUMENTS, top_n=1)
        with pytest.raises(ApiError) as caught:
            client.rerank(model="rerank-v3.5", query="fox", documents=DOCUMENTS, request_options={"max_retries": 0})
    assert in_id(answer, site)
    assert [(result.index, result.relevance_score) for result in answer.results] == [(1, 1.0)]
    assert (caught.value.status_code, set(caught.value.body)) == (429, {"id", "message"})


def test_other_providers_have_them_under_their_own_base_paths_and_errors(emulator: Emulator) -> None:
    site = emulator.site("whisper-at-groq", provider="groq")
    site.script(None, faults.rate_limit())
    with sdk(site) as client:
        assert client.audio.transcriptions.create(model="whisper-large-v3", file=SOUND).text
        with pytest.raises(openai.RateLimitError):
            client.audio.transcriptions.create(model="whisper-large-v3", file=SOUND)
    assert {seen.path for seen in site.requests} == {"/openai/v1/audio/transcriptions"}


def test_a_picture_is_one() -> None:
    picture, at, names = media.png("grün"), 8, []
    while at < len(picture):
        (size,) = struct.unpack_from(">I", picture, at)
        body = picture[at + 4 : at + 8 + size]
        assert struct.unpack_from(">I", picture, at + 8 + size) == (zlib.crc32(body),)
        names.append(body[:4])
        at += 12 + size
    assert names == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]


def test_the_endpoints_cite_the_pages_they_follow() -> None:
    assert all("Follows https://" in (module.__doc__ or "") for module in (endpoints, media))
