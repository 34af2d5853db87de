"""What every real client sees of each fault, its own retries off."""

from __future__ import annotations

import time

import anthropic
import openai
import pytest

from failover_plugin.emulator import Site, faults
from failover_plugin.emulator.catalogue import NAMES, documented
from support.clients import CLIENTS, MODES, Sight, client, look

every_client = pytest.mark.parametrize("name", CLIENTS)
every_mode = pytest.mark.parametrize("mode", MODES)
plainly = pytest.mark.parametrize("mode", ["plain", "aplain"])
streaming = pytest.mark.parametrize("mode", ["stream", "astream"])
one_of_each = pytest.mark.parametrize("mode", ["plain", "astream"])

WHOLE = "Hello from primary"


def is_a(seen: Sight, name: str, sdk: str, in_litellm: str) -> bool:
    """Whether the error is of this class: one of the SDK's for the SDK and LangChain, one of LiteLLM's own for it."""
    import litellm

    if name.startswith("litellm"):
        return isinstance(seen.error, getattr(litellm, in_litellm))
    return isinstance(seen.error, getattr(openai if CLIENTS[name] == "openai" else anthropic, sdk))


@every_client
@every_mode
async def test_reset(site: Site, name: str, mode: str) -> None:
    site.fail(faults.reset())
    seen = await look(client(name, site), mode)
    assert is_a(seen, name, "APIConnectionError", "InternalServerError")
    assert "ConnectionResetError" in seen.causes


@every_client
@one_of_each
async def test_hang(site: Site, name: str, mode: str) -> None:
    site.fail(faults.hang())
    seen = await look(client(name, site, timeout=0.15), mode)
    assert is_a(seen, name, "APITimeoutError", "Timeout")
    assert seen.seconds >= 0.15


@every_client
@one_of_each
async def test_slow_first_token(site: Site, name: str, mode: str) -> None:
    site.fail(faults.slow_first_token(0.1))
    seen = await look(client(name, site), mode)
    assert (seen.text, seen.error) == (WHOLE, None)
    assert seen.seconds >= 0.1


@every_client
@streaming
async def test_slow_drip(site: Site, name: str, mode: str) -> None:
    site.fail(faults.slow_drip(0.05))
    seen = await look(client(name, site), mode)
    assert (seen.text, seen.error) == (WHOLE, None)
    assert seen.seconds >= 0.1


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@plainly
async def test_slow_drip_of_a_plain_body(site: Site, name: str, mode: str) -> None:
    site.fail(faults.slow_drip(0.02))
    seen = await look(client(name, site), mode)
    assert (seen.text, seen.error) == (WHOLE, None)
    assert seen.seconds >= 0.1


@every_client
@streaming
async def test_cut(site: Site, name: str, mode: str) -> None:
    site.fail(faults.cut())
    seen = await look(client(name, site), mode)
    assert seen.text == "Hello from "
    assert seen.causes & {"RemoteProtocolError", "ClientPayloadError"}


@every_client
@plainly
async def test_cut_of_a_plain_body(site: Site, name: str, mode: str) -> None:
    site.fail(faults.cut())
    seen = await look(client(name, site), mode)
    assert is_a(seen, name, "APIConnectionError", "InternalServerError")
    assert seen.causes & {"RemoteProtocolError", "ClientPayloadError"}


@every_client
@streaming
async def test_early_end_is_taken_for_a_success_by_nearly_every_client(site: Site, name: str, mode: str) -> None:
    site.fail(faults.early_end())
    seen = await look(client(name, site), mode)
    assert seen.text == "Hello from "
    if name.startswith("litellm"):
        assert "before a finish_reason" in str(seen.error)
    else:
        assert seen.error is None


@every_client
@plainly
async def test_early_end_of_a_plain_body_is_no_json(site: Site, name: str, mode: str) -> None:
    site.fail(faults.early_end())
    seen = await look(client(name, site), mode)
    assert "JSONDecodeError" in seen.causes


@every_client
@one_of_each
async def test_no_sentinel_is_missed_by_nobody(site: Site, name: str, mode: str) -> None:
    site.fail(faults.no_sentinel())
    seen = await look(client(name, site), mode)
    assert (seen.text, seen.error) == (WHOLE, None)


@every_client
@one_of_each
async def test_stall(site: Site, name: str, mode: str) -> None:
    site.fail(faults.stall())
    seen = await look(client(name, site, timeout=0.15), mode)
    assert seen.text == ("Hello " if "stream" in mode else "")
    assert "ReadTimeout" in seen.causes
    assert seen.seconds >= 0.15


@every_client
@streaming
@pytest.mark.parametrize(("after", "text"), [(0, ""), (2, "Hello from ")])
async def test_stream_error(site: Site, name: str, mode: str, after: int, text: str) -> None:
    site.fail(faults.stream_error(after))
    seen = await look(client(name, site), mode)
    assert seen.text == text
    if name.startswith("litellm"):
        assert "MidStreamFallbackError" in seen.causes
    else:
        assert "overloaded" in str(seen.error).lower()
        assert is_a(seen, name, "APIError", "")


@every_client
@plainly
async def test_stream_error_of_a_plain_answer_is_a_refusal(site: Site, name: str, mode: str) -> None:
    site.fail(faults.stream_error())
    seen = await look(client(name, site), mode)
    assert isinstance(seen.error, openai.APIStatusError | anthropic.APIStatusError)
    assert seen.error.status_code >= 500


@every_client
@streaming
async def test_malformed(site: Site, name: str, mode: str) -> None:
    site.fail(faults.malformed())
    seen = await look(client(name, site), mode)
    assert seen.text == "Hello "
    if name == "litellm-anthropic":  # ends the stream at a malformed event
        assert "before a finish_reason" in str(seen.error)
    else:
        assert "JSONDecodeError" in seen.causes


@every_client
@plainly
async def test_malformed_plain_body(site: Site, name: str, mode: str) -> None:
    site.fail(faults.malformed())
    seen = await look(client(name, site), mode)
    assert "JSONDecodeError" in seen.causes


@every_client
@one_of_each
async def test_empty(site: Site, name: str, mode: str) -> None:
    site.fail(faults.empty())
    seen = await look(client(name, site), mode)
    assert (seen.text, seen.error) == ("", None)


SDK_CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize("error", NAMES)
async def test_documented_errors(site: Site, name: str, error: str) -> None:
    site.fail(getattr(faults, error)())
    seen = await look(client(name, site), "plain")
    entry = documented(error, CLIENTS[name])
    assert is_a(seen, name, SDK_CLASSES[entry.status], "")
    assert isinstance(seen.error, openai.APIStatusError | anthropic.APIStatusError)
    assert seen.error.response.json() == entry.body
    assert entry.body["error"]["message"] in str(seen.error)


@pytest.mark.parametrize("error", NAMES)
def test_azure_says_some_errors_in_words_of_its_own(site: Site, error: str) -> None:
    site.fail(getattr(faults, error)())
    options = {"azure_endpoint": site.azure_url, "api_key": "test-key", "api_version": "2024-10-21", "max_retries": 0}
    with openai.AzureOpenAI(**options) as azure, pytest.raises(openai.APIStatusError) as raised:
        azure.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "hi"}])
    entry = documented(error, "azure")
    assert (raised.value.status_code, raised.value.response.json()) == (entry.status, entry.body)


def test_every_documented_error_cites_a_public_page() -> None:
    for error in NAMES:
        for wire in ("openai", "azure", "anthropic"):
            assert documented(error, wire).follows.startswith("https://")


@every_client
async def test_retry_after_is_a_header(site: Site, name: str) -> None:
    site.script(faults.rate_limit(retry_after=7), faults.rate_limit(), faults.overloaded(retry_after=1.5))
    headers = []
    for _ in range(3):
        error = (await look(client(name, site), "plain")).error
        headers.append(_provider_headers(error).get("retry-after"))
    assert headers == ["7", None, "1.5"]


def _provider_headers(error: Exception | None) -> dict[str, str]:
    """LiteLLM keeps what the provider sent beside the response, which it makes up."""
    assert isinstance(error, openai.APIStatusError | anthropic.APIStatusError)
    return dict(getattr(error, "litellm_response_headers", None) or error.response.headers)


@every_client
async def test_any_status_with_any_body_and_headers(site: Site, name: str) -> None:
    site.script(faults.status(502, "upstream connect error", headers={"x-edge": "gone"}))
    seen = await look(client(name, site), "plain")
    assert isinstance(seen.error, openai.APIStatusError | anthropic.APIStatusError)
    assert seen.error.status_code == 502
    shown = f"{seen.error} {getattr(seen.error, 'body', '')} {seen.error.response.text}"  # openai 3: not in the message
    assert "upstream connect error" in shown
    assert _provider_headers(seen.error)["x-edge"] == "gone"


def test_faults_by_script_and_by_time(site: Site) -> None:
    ask = client("openai", site)

    def status() -> int:
        try:
            ask.plain()
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    site.fail(faults.server_error())
    site.script(faults.rate_limit(), None)
    assert [status() for _ in range(4)] == [429, 200, 500, 500]
    site.heal()
    assert status() == 200
    start = time.monotonic()
    site.fail(faults.overloaded(), seconds=0.2)
    assert status() == 503
    while status() != 200:
        pass
    assert 0.2 <= site.requests[-1].at - start < 5
    assert [seen.fault for seen in site.requests[:5]] == ["rate_limit", None, "server_error", "server_error", None]
