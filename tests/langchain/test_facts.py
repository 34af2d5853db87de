"""Whose a model is and where it is, read off every class there is: servers, keys and rate windows follow from that."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from pydantic import SecretStr

from failover_langchain import ChatFailover, with_failover
from failover_plugin import Target
from support.chat_models import CHAT_MODELS
from support.providers import PROVIDERS

from .conftest import openai

WITHOUT_URL = {"bedrock": {"endpoint_url": "https://one.example/v1"}}
HAVE_NO_URL = {"perplexity", "nvidia", "vertex"}


def built(name: str, **options: Any) -> BaseChatModel:
    given = {"api_key": "test-key", "timeout": 5.0, "max_retries": 0, **options}
    return CHAT_MODELS[name](PROVIDERS[name], **given)


def facts(model: Any) -> Target:
    return ChatFailover([model]).failover.targets[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(CHAT_MODELS) - HAVE_NO_URL - {"huggingface", "ollama"}))
def test_the_endpoint_is_the_one_that_was_given(name: str) -> None:
    options = WITHOUT_URL.get(name, {"base_url": "https://one.example/v1"})
    assert facts(built(name, **options)).endpoint == "https://one.example/v1"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["huggingface", "ollama", "perplexity", "nvidia"])
def test_the_endpoint_is_the_one_that_the_client_has(name: str) -> None:
    endpoint = facts(built(name)).endpoint
    assert endpoint is not None
    assert PROVIDERS[name].host in endpoint or name == "nvidia"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["deepseek", "together", "xai", "cerebras"])
def test_the_variable_for_openai_moves_nobody_else(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "https://openai.example/v1")
    assert facts(built(name)).endpoint != "https://openai.example/v1"


def test_two_locations_of_vertex_and_two_regions_of_bedrock_are_two_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_aws import ChatBedrockConverse

    assert facts(built("vertex")).region == PROVIDERS["vertex"].options["vertex_location"]
    assert facts(built("bedrock")).region == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    keys = {"aws_access_key_id": SecretStr("x"), "aws_secret_access_key": SecretStr("x")}
    assert facts(ChatBedrockConverse(model="amazon.nova-lite-v1:0", **keys)).region == "eu-west-1"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "endpoint"),
    [
        ("url", SecretStr("https://us-south.ml.cloud.ibm.com"), "https://us-south.ml.cloud.ibm.com"),  # watsonx
        ("api_endpoint", "europe-west4-aiplatform.googleapis.com", "https://europe-west4-aiplatform.googleapis.com"),
        ("service_endpoint", "https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com", None),
        ("endpoint", "databricks-claude", ""),  # a name, and no place
        ("app_url", "https://the-users-own.example", ""),
    ],
)
def test_classes_that_are_not_installed_here_keep_it_in_such_fields(field: str, value: Any, endpoint: Any) -> None:
    kind: Any = type("Elsewhere", (FakeListChatModel,), {"__annotations__": {field: Any}, field: None})
    expected = value if endpoint is None else endpoint or None
    assert facts(kind(responses=["hi"], **{field: value})).endpoint == expected


def test_a_target_given_by_hand_keeps_what_it_does_not_name() -> None:
    model = openai("https://one.example/v1")
    derived = facts(model)
    by_hand = Target("a", provider="openai", model="gpt-4o-mini", weight=3)
    for failover in (ChatFailover([(model, by_hand)]), with_failover((model, by_hand), [])):
        (target,) = failover.failover.targets
        assert (target.id, target.weight) == ("a", 3)
        assert (target.credential, target.endpoint) == (derived.credential, derived.endpoint)
        assert (target.context_window, target.capabilities) == (derived.context_window, derived.capabilities)


def test_a_target_given_by_hand_keeps_what_it_names() -> None:
    by_hand = Target("a", provider="openai", model="gpt-4o-mini", credential="team-key", region="eu", context_window=9)
    (target,) = ChatFailover([(openai("https://one.example/v1"), by_hand)]).failover.targets
    assert (target.credential, target.region, target.context_window) == ("team-key", "eu", 9)
    assert target.endpoint == "https://one.example/v1"
