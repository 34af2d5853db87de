"""The parts of the proxy's callback, each by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import litellm
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from litellm.proxy.types_utils.utils import get_instance_fn

import failover_litellm
from failover_litellm.proxy import callback, requests, status
from failover_litellm.proxy.settings import policy_in
from failover_plugin import ConfigError, Policy

SERVER = "litellm.proxy.proxy_server"

pytestmark = pytest.mark.filterwarnings("ignore")  # of what the proxy's module imports


# -- the policy --------------------------------------------------------------------------------------------------------


def test_a_policy_stands_there_or_in_a_file_beside_config_yaml(tmp_path: Path) -> None:
    (tmp_path / "failover.yaml").write_text("patience: 1.5\n")
    assert policy_in({}, tmp_path) == Policy()
    assert policy_in({"failover": {"patience": 1.5}}, tmp_path) == Policy(patience=1.5)
    assert policy_in({"failover": {"file": "failover.yaml"}}, tmp_path) == Policy(patience=1.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("fast", "litellm_settings.failover is a str. Give"),
        ({"patience": -1}, "litellm_settings.failover: Policy.patience = -1"),
        ({"patients": 1}, "patients"),
        ({"file": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
        ({"file": "failover.yaml", "patience": 1}, "file stands beside patience"),
        ({"file": 5}, "litellm_settings.failover: file stands beside no path"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_told_with_its_place(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        policy_in({"failover": given}, tmp_path)
    assert said in str(raised.value)
    assert str(raised.value).startswith("litellm_settings.failover")


@pytest.mark.parametrize("path", ["failover_litellm.proxy", "failover_litellm.proxy.ProxyFailover"])
def test_a_callback_that_is_no_instance_is_told_with_the_one_that_is(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "failover_litellm.proxy":
        monkeypatch.delattr(failover_litellm, "proxy")  # as in a proxy, where nobody has imported it yet
    with pytest.raises(AttributeError, match=r'Write "failover_litellm\.proxy\.failover"'):
        get_instance_fn(path, str(tmp_path / "config.yaml"))


# -- what a request says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize(("own", "given", "then"), [(30.0, 3600, 30.0), (30.0, 5, 5), (None, 3600, 3600)])
def test_a_request_gets_no_more_time_than_the_policy_grants(name: str, own: Any, given: float, then: float) -> None:
    data: Any = {name: {"failover": {"deadline": given}}}
    requests.restrict(data, Policy(deadline=own))
    assert data[name]["failover"]["deadline"] == then


def test_what_is_not_understood_is_refused_with_a_400() -> None:
    with pytest.raises(HTTPException) as raised:
        requests.restrict({"metadata": {"failover": {"forbid": ["eu"]}}}, Policy())
    assert raised.value.status_code == 400
    assert "metadata.failover.forbid is not known" in str(raised.value.detail)


# -- the router --------------------------------------------------------------------------------------------------------


def router(*ids: str) -> litellm.Router:
    return litellm.Router(
        model_list=[
            {
                "model_name": "chat",
                "litellm_params": {"model": "openai/gpt-4o", "api_key": "k", "mock_response": "hi"},
                "model_info": {"id": each},
            }
            for each in ids
        ]
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The proxy's module as far as we look at it."""
    from litellm.proxy import proxy_server  # the real one is imported, since its authentication is ours too

    stand_in = SimpleNamespace(app=FastAPI(), llm_router=None, proxy_config=proxy_server.proxy_config)
    monkeypatch.setitem(sys.modules, SERVER, stand_in)
    return stand_in


def test_a_router_that_is_built_anew_is_served_from_its_first_request_on(server: Any) -> None:
    failover = callback.ProxyFailover()
    failover.keep()
    assert failover.strategy is None
    for ids in (("a", "b"), ("c",)):
        server.llm_router = router(*ids)
        failover.keep()
        assert failover.strategy is not None
        assert [target.id for target in failover.strategy.failover.targets] == list(ids)
    assert len([route for route in server.app.routes if getattr(route, "path", "") == status.PATH]) == 1


def test_facts_that_were_wrong_are_looked_at_again(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    failover = callback.ProxyFailover()
    server.llm_router = router("a")
    server.llm_router.upsert_deployment(_deployment(tier="first"))
    for _ in range(3):
        failover.keep()
    assert failover.strategy is None
    assert failover.problem
    assert "tier" in failover.problem
    server.llm_router.upsert_deployment(_deployment(tier=1))
    failover.keep()
    assert failover.strategy is not None
    assert failover.problem is None


def _deployment(**facts: Any) -> Any:
    from litellm.types.router import Deployment, LiteLLM_Params, ModelInfo

    params = LiteLLM_Params(model="openai/gpt-4o", api_key="k")
    return Deployment(model_name="chat", litellm_params=params, model_info=ModelInfo(id="b", failover=facts))


async def test_whatever_keeps_us_out_harms_no_request(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("LiteLLM has changed")

    failover = callback.ProxyFailover()
    server.llm_router = router("a")
    monkeypatch.setattr(callback, "install", broken)
    await failover.async_pre_call_hook(None, None, {"model": "chat"}, "acompletion")
    assert failover.strategy is None
    assert failover.problem == "RuntimeError: LiteLLM has changed"
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, SERVER, server)
    failover.keep()
    assert failover.strategy is not None
    failover._watching.cancel()


# -- the status --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "code"),
    [("proxy_admin", 200), ("proxy_admin_viewer", 403), ("internal_user", 403), ("team", 403), (None, 403)],
)
def test_the_status_is_for_administrators(server: Any, role: str | None, code: int) -> None:
    from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth
    from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

    caller = UserAPIKeyAuth(user_role=None if role is None else LitellmUserRoles(role))
    server.llm_router = router("a", "b")
    failover = callback.ProxyFailover()
    failover.keep()
    server.app.dependency_overrides[user_api_key_auth] = lambda: caller
    answer = TestClient(server.app).get(status.PATH)
    assert answer.status_code == code
    if code == 200:
        assert [target["target"] for target in answer.json()["targets"]] == ["a", "b"]
    else:
        assert "targets" not in answer.text
