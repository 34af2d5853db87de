"""The emulated model calls tools, fills schemas and goes on from a prefix, so that agents can be tested against it."""

from __future__ import annotations

from typing import Any, Literal

import openai
import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from failover_plugin.emulator import Emulator, Site
from failover_plugin.emulator.schema import example
from support.clients import HI, KEY


class Weather(BaseModel):
    """What the weather is like."""

    city: str
    degrees: int
    sky: Literal["clear", "grey"]


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(params=["openai", "anthropic"])
def chat(request: pytest.FixtureRequest, site: Site) -> BaseChatModel:
    options: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": 2}
    if request.param == "openai":
        return ChatOpenAI(model="gpt-5.5", base_url=site.openai_url, **options)
    return ChatAnthropic(model_name="claude-sonnet-5", base_url=site.anthropic_url, **options)


def test_a_tool_that_is_named_is_called(chat: BaseChatModel) -> None:
    answer = chat.bind_tools([get_weather]).invoke("What is the weather like?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("get_weather", {"city": "city"})]
    assert chat.bind_tools([get_weather]).invoke("Good morning").tool_calls == []
    assert chat.bind_tools([get_weather], tool_choice="none").invoke("What is the weather like?").tool_calls == []
    assert chat.bind_tools([get_weather], tool_choice="any").invoke("Good morning").tool_calls != []


def test_a_tool_call_is_streamed_in_pieces(chat: BaseChatModel) -> None:
    chunks = list(chat.bind_tools([get_weather]).stream("What is the weather like?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("get_weather", {"city": "city"})]
    assert sum(bool(chunk.tool_call_chunks) for chunk in chunks) > 2


def test_an_agent_finishes(chat: BaseChatModel) -> None:
    agent = create_agent(chat, [get_weather])
    messages = agent.invoke({"messages": [HumanMessage("What is the weather like?")]})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert "sunny in city" in messages[-1].text


def test_an_agent_with_a_response_format_finishes(chat: BaseChatModel) -> None:
    agent = create_agent(chat, [get_weather], response_format=Weather)
    state = agent.invoke({"messages": [HumanMessage("What is the weather like?")]})
    assert state["structured_response"] == Weather(city="city", degrees=1, sky="clear")


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output(chat: BaseChatModel, method: str) -> None:
    assert chat.with_structured_output(Weather, method=method).invoke("hi") == Weather(
        city="city", degrees=1, sky="clear"
    )


@pytest.mark.parametrize(
    ("prefill", "rest"), [("continue", " primary"), ("ignore", "Hello from primary"), ("refuse", None)]
)
def test_a_conversation_that_ends_in_the_assistants_words(
    chat: BaseChatModel, site: Site, prefill: Any, rest: Any
) -> None:
    site.prefill = prefill
    question = [HumanMessage("hi"), AIMessage("Hello from")]
    if rest is None:
        with pytest.raises(Exception, match=r"[Pp]refill|last message"):
            chat.invoke(question)
    else:
        assert chat.invoke(question).text == rest


def test_any_json_will_do(site: Site) -> None:
    with openai.OpenAI(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=2) as client:
        answer = client.chat.completions.create(model="gpt", messages=HI, response_format={"type": "json_object"})
    assert answer.choices[0].message.content == '{"text":"text"}'


def test_usage_is_reported_in_a_stream_only_when_asked_for(site: Site) -> None:
    with openai.OpenAI(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=2) as client:
        for options in ({}, {"stream_options": {"include_usage": True}}):
            with client.chat.completions.create(model="gpt", messages=HI, stream=True, **options) as chunks:
                assert bool([chunk.usage for chunk in chunks if chunk.usage]) is bool(options)


def test_azure_speaks_both_of_its_dialects(site: Site) -> None:
    azure = openai.AzureOpenAI(
        azure_endpoint=site.azure_url, api_key=KEY, api_version="2024-10-21", max_retries=0, timeout=2
    )
    v1 = openai.OpenAI(base_url=f"{site.azure_url}/openai/v1/", api_key=KEY, max_retries=0, timeout=2)
    with azure, v1:
        for client in (azure, v1):
            answer = client.chat.completions.create(model="my-deployment", messages=HI)
            assert (answer.model, answer.choices[0].message.content) == ("my-deployment", "Hello from primary")
            with client.chat.completions.create(model="my-deployment", messages=HI, stream=True) as chunks:
                deltas = [choice.delta.content for chunk in chunks for choice in chunk.choices]
            assert "".join(filter(None, deltas)) == "Hello from primary"
    assert [seen.model for seen in site.requests] == ["my-deployment"] * 4


def test_embeddings_of_equal_texts_are_equal(site: Site) -> None:
    embeddings = OpenAIEmbeddings(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=2)
    embeddings.check_embedding_ctx_length = False  # its tokenizer wants to be downloaded
    one, two, again = embeddings.embed_documents(["one", "two", "one"])
    assert one == again != two
    assert len(one) == 8


def test_equal_requests_get_equal_answers(emulator: Emulator) -> None:
    answers = []
    for _ in range(2):
        site = emulator.site("again")
        with openai.OpenAI(base_url=site.openai_url, api_key=KEY, max_retries=0, timeout=2) as client:
            answers.append(client.chat.completions.create(model="gpt", messages=HI))
    assert answers[0] == answers[1]
    assert answers[0].id == "chatcmpl-again-1"


class Node(BaseModel):
    value: int
    children: list[Node]
    parent: Node | None


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "minLength": 6, "maxLength": 6}, "textxx"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number", "default": 0.5}, 0.5),
        ({"const": "fixed"}, "fixed"),
        ({"enum": ["first", "second"]}, "first"),
        ({"type": ["null", "boolean"]}, None),
        ({"type": "boolean"}, True),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"properties": {"a": {"type": "string"}, "b": {}}}, {"a": "a", "b": "b"}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}, 1),
    ],
)
def test_an_instance_of_a_schema(schema: dict[str, Any], instance: object) -> None:
    assert example(schema) == instance


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    assert Node.model_validate(example(Node.model_json_schema()))
    endless = {"properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in example(endless)
