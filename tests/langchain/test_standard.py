"""LangChain's own standard tests over ``ChatFailover``: hosts cannot tell it from any other chat model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from failover_langchain import ChatFailover
from failover_plugin.emulator import Emulator, Fault
from failover_plugin.emulator.ask import ToolCall, decide
from failover_plugin.emulator.call import Call
from failover_plugin.emulator.plan import Plan

from .conftest import Bench


class _Standard:
    """Two real models; the emulated provider calls a tool that is named or forced, with arguments from the prompt."""

    @pytest.fixture(autouse=True)
    def _sites(self, emulation: Emulator) -> None:
        bench = Bench(emulation)
        bench.primary.fail(Fault("reads the prompt", _reading))
        self._models = bench.model().models

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatFailover

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"models": self._models}


class TestUnit(_Standard, ChatModelUnitTests):
    pass


@pytest.mark.filterwarnings(
    "ignore:.*in beta:langchain_core._api.LangChainBetaWarning",
    "ignore:Pydantic serializer warnings:UserWarning",  # langchain-openai, by itself, for a parsed answer
)
class TestIntegration(_Standard, ChatModelIntegrationTests):
    @property
    def model_override_value(self) -> str | None:
        return "another-model"

    @pytest.fixture
    def vcr(self) -> None:
        """No cassettes: the emulator answers."""


def _reading(call: Call) -> Plan:
    answer = decide(call.ask, call.reply)
    if isinstance(answer, ToolCall):
        answer = replace(answer, arguments=_arguments(answer.arguments, call.ask.user_text))
    return call._answered(answer)


def _arguments(example: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """What stands in the prompt's brackets, for a number, or in its quotes, for a text."""
    number, quoted = re.search(r"\((\d+)\)", prompt), re.search("'(.+)'", prompt)
    found = {int: number and int(number[1]), str: quoted and quoted[1]}
    return {name: found.get(type(value)) or value for name, value in example.items()}
