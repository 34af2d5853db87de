"""What is given, what is read off it, and what is said about it: mistakes are named, secrets are not."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from failover_langchain import ChatFailover, RunnableWithFailover
from failover_plugin import AllTargetsFailed, ConfigError, Policy, Target
from failover_plugin.emulator import faults

from .conftest import Bench, anthropic, openai, said_by

SECRET = "a-secret-that-nobody-may-see"


def named(name: str) -> Target:
    return Target(name, provider="p", model="m")


def fake(*answers: str) -> FakeListChatModel:
    return FakeListChatModel(responses=[*answers] or ["hi"])


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ([], r"models: \[\] is empty"),
        ([fake(), 7], r"models\[1\]: 7 cannot be asked; give a chat model"),
        ([fake() | str], r"models\[0\]: a RunnableSequence cannot be asked"),
        (["  "], r"models\[0\]: '  ' names no model; write provider:model"),
        ("openai:gpt-5.5", "models: 'openai:gpt-5.5' is not a list"),
        (fake(), "models: a FakeListChatModel is not a list"),
        ([(fake(), "tier 1")], r"models\[0\]: not a pair of a model and a Target; write"),
        ([(fake(), named("a")), (fake(), named("a"))], r"models\[1\]: the id 'a' is taken .* give each its own"),
    ],
)
def test_mistakes_are_named_with_the_remedy(models: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ChatFailover(models)


def test_mistakes_in_runnables() -> None:
    with pytest.raises(ConfigError, match=r"runnables: \[\] is empty"):
        RunnableWithFailover([])
    with pytest.raises(ConfigError, match=r"runnables\[0\]: 1.5 cannot be asked; give a runnable"):
        RunnableWithFailover([1.5])


def test_a_policy_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"policy: a dict is no Policy; write Policy\(\.\.\.\)"):
        ChatFailover([fake()], {"patience": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cache", "rate_limiter", "custom_get_token_ids"])
def test_settings_of_the_single_models_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .* give it to the models"):
        ChatFailover([fake()], **{name: True})


def test_facts_are_read_off_the_models() -> None:
    models = [
        ChatOpenAI(model="gpt-4o", base_url="http://user:pass@one.example:8080/v1?key=x", api_key=SecretStr(SECRET)),
        anthropic("http://two.example"),
        ChatOpenAI(model="gpt-4o", base_url="http://one.example:8080/v1", api_key=SecretStr(SECRET)).bind(
            model="gpt-5"
        ),
        "google_genai:gemini-x",
    ]
    first, second, third, fourth = ChatFailover(models).failover.targets
    assert (first.id, first.provider, first.model, first.tier) == ("openai:gpt-4o", "openai", "gpt-4o", 0)
    assert first.endpoint == "http://one.example:8080/v1"
    assert first.context_window == 128_000
    assert first.capabilities == {"tools", "images", "schema"}
    assert (second.provider, second.endpoint, second.tier) == ("anthropic", "http://two.example", 1)
    assert third.id == "openai:gpt-5"
    assert third.context_window is None  # the profile is the other model's
    assert third.credential == first.credential != second.credential
    assert first.credential is not None
    assert SECRET not in first.credential
    assert (fourth.provider, fourth.model, fourth.tier) == ("google_genai", "gemini-x", 3)


def test_equal_facts_are_numbered() -> None:
    models = [fake(), (fake(), named("fakelistchatmodel:FakeListChatModel")), fake(), fake()]
    ids = [target.id for target in sorted(ChatFailover(models).failover.targets, key=lambda target: target.tier)]
    assert sorted(ids) == [f"fakelistchatmodel:FakeListChatModel{number}" for number in ("", "#2", "#3", "#4")]


async def test_no_secret_is_shown(bench: Bench) -> None:
    bench.primary.fail(faults.invalid_api_key())
    bench.fallback.fail(faults.invalid_api_key())
    key = SecretStr(SECRET)
    model = ChatFailover([openai(bench.primary, api_key=key), anthropic(bench.fallback, api_key=key)])
    with pytest.raises(Exception, match=r"key") as caught:
        await model.ainvoke("hi")
    error: Any = caught.value
    shown = [model, model.failover.targets, model.failover.health(), error, error.trail, error.__notes__]
    shown += [model.asdict(), model.model_dump(), model._get_ls_params(), vars(model.state)]
    assert SECRET not in "".join(f"{value!r}{value}" for value in shown)


def test_strings_are_built_when_they_are_needed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", bench.fallback.anthropic_url)
    bench.primary.fail(faults.overloaded())
    model = ChatFailover([openai(bench.primary), "anthropic:claude-sonnet-5", "openai:gpt-never-asked"])
    assert said_by(model.invoke("hi")) == "fallback"
    assert model.profile is None


def test_copies_are_configuration() -> None:
    model = ChatFailover([fake("one"), "openai:gpt-5.5"], Policy(patience=1), disable_streaming=True)
    model.invoke("hi")
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.policy == model.policy
        assert twin.disable_streaming is True
        assert [target.id for target in twin.failover.targets] == [target.id for target in model.failover.targets]
        assert sum(target.attempts for target in twin.failover.health().targets) == 0
        assert twin.invoke("hi").text == "one"
    assert sum(target.attempts for target in model.failover.health().targets) == 1


async def test_a_model_over_clients_that_cannot_be_copied_can(bench: Bench) -> None:
    twin = copy.deepcopy(bench.model())
    assert said_by(await twin.ainvoke("hi")) == "primary"
    bound = copy.deepcopy(bench.model().bind(stop=["x"]))
    assert isinstance(await bound.ainvoke("hi"), AIMessage)


def test_a_shallow_copy_and_a_configurable_field_go_on_with_the_memory() -> None:
    from langchain_core.runnables import ConfigurableField

    model = ChatFailover([fake("one")])
    model.invoke("hi")
    assert model.model_copy().failover is model.failover
    flexible = model.configurable_fields(disable_streaming=ConfigurableField(id="plain"))
    list(flexible.with_config(configurable={"plain": True}).stream("hi"))
    assert model.failover.health().targets[0].attempts == 2


def test_the_repr_names_the_targets() -> None:
    model = ChatFailover([(fake(), named("a")), (fake(), named("b"))])
    assert repr(model) == "ChatFailover(targets=['a', 'b'])"


def test_what_hosts_ask(bench: Bench) -> None:
    model = bench.model()
    assert model._llm_type == "failover"
    assert not model.is_lc_serializable()
    assert not hasattr(model, "model_name")
    assert model.profile is not None
    assert model.profile["max_input_tokens"] == 128_000
    assert model.profile["tool_calling"] is True
    assert model.profile["temperature"] is False  # not the fallback's
    assert model._get_ls_params()["ls_provider"] == "failover"
    assert ChatFailover(model.models[:1])._get_ls_params()["ls_provider"] == "openai"


def test_tokens_are_counted_by_the_first() -> None:
    def letters(text: str) -> list[int]:
        return [ord(letter) for letter in text]

    first = FakeListChatModel(responses=["hi"], custom_get_token_ids=letters)
    model = ChatFailover([first.bind(stop=["x"]), fake()])
    assert model.get_token_ids("ab") == [97, 98]
    assert model.get_num_tokens("ab") == 2
    assert model.get_num_tokens_from_messages([AIMessage("ab")]) == first.get_num_tokens_from_messages(
        [AIMessage("ab")]
    )


def test_strings_need_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failover_langchain.intake.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r'pip install "failover-plugin\[agents\]"'):
        ChatFailover(["openai:gpt-5.5"])


def test_a_name_without_a_provider() -> None:
    (target,) = ChatFailover(["gpt-5.5"]).failover.targets
    assert (target.id, target.provider, target.credential) == ("gpt-5.5", "unknown", None)


def test_with_nobody_left_to_ask_the_reason_is_named(bench: Bench) -> None:
    bench.primary.fail(faults.rate_limit(retry_after=60))
    model = ChatFailover([openai(bench.primary)])
    with pytest.raises(ModelRateLimitError):
        model.invoke("hi")
    with pytest.raises(AllTargetsFailed, match="openai:gpt-4o-mini") as caught:
        model.invoke("hi")
    assert 50 < (caught.value.retry_after or 0) < 70


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['langchain_core'] = None; import failover_langchain"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "failover-plugin[langchain]"' in done.stderr
