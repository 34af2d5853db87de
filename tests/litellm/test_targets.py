"""Which deployments share a server, a key or a rate limit, and under which id each is shown.

What is shared is told by the core: one deployment fails, and the other one's health is looked at.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_litellm.identity import _AUTH, _OWNERS, _PLACES, _URLS, _WHICH, _WHICH_HIDDEN, READ
from failover_litellm.targets import facts_of, given_id, ids_of, target_id, targets_of
from failover_plugin import ConfigError, Failover, Health, Policy

MADE_UP = "47d0b4a8dbc05b0378b0e3ebbf681907de2e3094e89e26d5cd3d5cdf9b4fb59a"
SECRET = "hunter2-hunter2"
GATEWAY = "https://gateway.example.com/v1"
AZURE = {"model": "azure/gpt-4o", "api_base": "https://one.openai.azure.com", "api_version": "2024-06-01"}
BEDROCK = {"model": "bedrock/anthropic.claude-sonnet", "aws_region_name": "eu-west-1"}
VERTEX = {"model": "vertex_ai/gemini-2.5-pro", "vertex_location": "europe-west1", "vertex_project": "alpha"}
WATSONX = {"model": "watsonx/ibm/granite", "api_base": "https://eu-de.ml.cloud.ibm.com", "watsonx_project": "alpha"}
OPENAI = {"model": "openai/gpt-4o", "api_key": "sk-one"}
OPENAI_AT = {**OPENAI, "api_base": GATEWAY}
SAGEMAKER = {"model": "sagemaker/llama", "aws_region_name": "eu-west-1"}
OCI = {"model": "oci/cohere.command", "oci_region": "eu-frankfurt-1", "oci_user": "u", "oci_compartment_id": "c"}
DATABRICKS = {"model": "databricks/dbrx", "api_base": "https://adb-1.azuredatabricks.net/serving-endpoints"}
SNOWFLAKE = {"model": "snowflake/mistral", "account_id": "AC-1", "api_key": "pat"}

KEY_IS_DEAD, RATE_IS_LIMITED, MODEL_IS_GONE = 401, 429, 404


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status_code = status


def deployment(given: str = "a", failover: Any = None, **params: Any) -> dict[str, Any]:
    info = {"id": given} if failover is None else {"id": given, "failover": failover}
    return {"model_name": "chat", "litellm_params": params, "model_info": info}


def fails_with(status: int, *deployments: dict[str, Any]) -> Failover:
    """A fleet of these deployments, the first of which has just answered with this status."""
    fo = Failover(targets_of(deployments), Policy())
    first = fo.targets[0].id
    permit = fo.acquire(among=[first])
    assert permit is not None
    permit.failure(Refused(status))
    assert fo.health()[first].health is not Health.HEALTHY
    return fo


def shares(status: int, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the other deployment suffers from what the one was answered."""
    fo = fails_with(status, {**one, "model_info": {**one["model_info"], "id": "one"}}, other)
    return fo.health()[other["model_info"]["id"]].health is not Health.HEALTHY


def server_is_shared(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return shares(MODEL_IS_GONE, one, other)


def credential_is_shared(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return shares(KEY_IS_DEAD, one, other)


# -- servers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OPENAI, OPENAI),
        (OPENAI_AT, OPENAI_AT),
        (OPENAI_AT, {**OPENAI_AT, "api_base": f"{GATEWAY}/"}),
        (OPENAI_AT, {**OPENAI_AT, "api_base": "HTTPS://Gateway.Example.com:443/v1"}),
        (OPENAI_AT, {**OPENAI, "base_url": GATEWAY}),
        (OPENAI_AT, {**OPENAI_AT, "api_key": "sk-two"}),
        (OPENAI_AT, {**OPENAI_AT, "model": "hosted_vllm/gpt-4o"}),
        (OPENAI_AT, {**OPENAI_AT, "configurable_clientside_auth_params": ["api_key"], "timeout": 9, "rpm": 3}),
        (OPENAI_AT, {**OPENAI_AT, "use_litellm_proxy": False, "organization": None}),
        (AZURE, {**AZURE, "api_key": "another"}),
        (BEDROCK, BEDROCK),
        (BEDROCK, {"model": BEDROCK["model"], "region_name": "eu-west-1"}),
        (BEDROCK, {**BEDROCK, "aws_profile_name": "team"}),
        (VERTEX, {**VERTEX, "vertex_credentials": "/etc/two.json"}),
        (VERTEX, {"model": VERTEX["model"], "vertex_ai_location": "europe-west1", "vertex_ai_project": "alpha"}),
        (WATSONX, {**WATSONX, "token": "t"}),
        (DATABRICKS, {**DATABRICKS, "client_id": "i", "client_secret": "s"}),
    ],
)
def test_the_same_server(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert server_is_shared(deployment(**one), deployment(**other))


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (OPENAI, {"model": "openai/gpt-4o-mini"}),
        (OPENAI, {"model": "openrouter/gpt-4o"}),
        (OPENAI, {"api_key": "sk-two"}),
        (OPENAI, {"api_base": GATEWAY}),
        (OPENAI_AT, {"api_base": "http://gateway.example.com/v1"}),
        (OPENAI_AT, {"api_base": "https://gateway.example.com:8443/v1"}),
        (OPENAI_AT, {"api_base": "https://gateway.example.com/team/v1"}),
        (OPENAI_AT, {"api_base": f"{GATEWAY}?key={SECRET}"}),
        (OPENAI_AT, {"api_base": f"https://me:{SECRET}@gateway.example.com/v1"}),
        (OPENAI_AT, {"extra_headers": {"x-portkey-provider": "azure"}}),
        (AZURE, {"api_base": "https://two.openai.azure.com"}),
        (AZURE, {"api_version": "2024-10-21"}),
        (BEDROCK, {"aws_region_name": "us-east-1"}),
        (BEDROCK, {"aws_bedrock_runtime_endpoint": "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"}),
        (BEDROCK, {"model_id": "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc"}),
        (SAGEMAKER, {"aws_region_name": "us-east-1"}),
        (SAGEMAKER, {"model": "sagemaker/llama-2"}),
        (SAGEMAKER, {"model_id": "component-2"}),
        (SAGEMAKER, {"sagemaker_base_url": "https://vpce-1.example.com"}),
        (VERTEX, {"vertex_location": "us-central1"}),
        (VERTEX, {"vertex_project": "beta"}),
        ({**VERTEX, "vertex_project": None, "vertex_credentials": "/a.json"}, {"vertex_credentials": "/b.json"}),
        (WATSONX, {"api_base": "https://us-south.ml.cloud.ibm.com"}),
        (WATSONX, {"watsonx_project": "beta"}),
        (WATSONX, {"space_id": "beta"}),
        (WATSONX, {"watsonx_region_name": "us-south"}),
        (DATABRICKS, {"api_base": "https://adb-2.azuredatabricks.net/serving-endpoints"}),
        (SNOWFLAKE, {"account_id": "AC-2"}),
        (OCI, {"oci_region": "us-chicago-1"}),
        (OCI, {"oci_compartment_id": "d"}),
        (OCI, {"oci_endpoint_id": "e"}),
        (
            {"model": "sap/gpt-4o", "deployment_url": "https://one.example.com"},
            {"deployment_url": "https://two.example.com"},
        ),
    ],
)
def test_different_servers(base: dict[str, Any], change: dict[str, Any]) -> None:
    assert not server_is_shared(deployment(**base), deployment(**{**base, **change}))


def test_where_no_place_is_known_every_key_has_a_server_of_its_own() -> None:
    for known in ({}, {"extra_headers": {"x-team": "a"}}, {"api_version": "v1"}):
        one, other = (deployment(model="openai/gpt-4o", api_key=key, **known) for key in ("sk-one", "sk-two"))
        assert server_is_shared(one, one)
        assert not server_is_shared(one, other)


SERVER_PARAMETERS = sorted({n for row in (*_PLACES.values(), *_WHICH.values()) for n in row} | {*_WHICH_HIDDEN})
URLS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "me:one@", "me:two@"]),
    st.sampled_from(["a.example.com", "b.example.com:8443", "[::1]:4000"]),
    st.sampled_from(["", "/v1", f"/v1/sk-{'a' * 24}1", f"/v1/sk-{'b' * 24}2", "/v1 (eu)"]),
    st.sampled_from(["", "?code=one", "?code=two", "#one"]),
)
BASES = st.sampled_from([OPENAI, OPENAI_AT, AZURE, BEDROCK, VERTEX, WATSONX, SAGEMAKER, OCI, DATABRICKS, SNOWFLAKE])


NAMES = st.text("aZ1 -/@?#%=,:()[]~é\n", min_size=1) | st.sampled_from(["eu-west-1", "sk-" + "a1" * 20])


@st.composite
def changed_parameter(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of two deployments that differ in one parameter which tells servers apart."""
    base = draw(BASES)
    name = draw(st.sampled_from([*_URLS, *SERVER_PARAMETERS]))
    values = URLS if name in _URLS else NAMES
    one, other = draw(st.lists(st.none() | values, min_size=2, max_size=2, unique=True))
    aliases = next((row for row in (_URLS, *_PLACES.values(), *_WHICH.values()) if name in row), ())
    alone = {key: value for key, value in base.items() if key not in aliases}
    return {**alone, name: one}, {**alone, name: other}


@given(changed_parameter())
def test_no_parameter_that_tells_servers_apart_is_overlooked(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, other = (deployment(**params) for params in pair)
    assert not server_is_shared(one, other)
    assert facts_of(one) != facts_of(other)


@given(changed_parameter())
def test_whoever_says_that_it_is_one_server_is_believed(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, other = (deployment(failover={"endpoint": "mine", "credential": "ours"}, **params) for params in pair)
    assert server_is_shared(one, other)
    assert credential_is_shared(one, other)


# -- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OPENAI, {**OPENAI, "model": "openai/gpt-4o-mini"}),
        (OPENAI, {**OPENAI, "model": "text-completion-openai/davinci"}),
        (OPENAI_AT, {**OPENAI_AT, "model": "anthropic/claude", "timeout": 3}),
        ({"model": "openai/gpt-4o"}, {"model": "openai/gpt-4o-mini"}),
        ({"model": "openai/a", "api_base": GATEWAY}, {"model": "openai/b", "api_base": GATEWAY}),
        ({**OPENAI, "api_key": "os.environ/KEY"}, {**OPENAI, "api_key": "os.environ/KEY"}),
        (AZURE, {**AZURE, "api_version": "2024-10-21"}),
        (BEDROCK, {**BEDROCK, "model": "bedrock/amazon.nova"}),
        (BEDROCK, {"model": "bedrock/eu-west-1/anthropic.claude-v2"}),
        (BEDROCK, {"model": "bedrock/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/x"}),
        ({**VERTEX, "vertex_credentials": {"a": 1, "b": 2}}, {**VERTEX, "vertex_credentials": {"b": 2, "a": 1}}),
    ],
)
def test_the_same_credential(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert credential_is_shared(deployment(**one), deployment(**other))


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (OPENAI, {"model": "anthropic/claude"}),
        (OPENAI, {"api_key": None}),
        (OPENAI, {"api_key": "os.environ/KEY"}),
        (OPENAI, {"api_base": GATEWAY}),
        ({"model": "openai/a", "api_base": GATEWAY}, {"api_base": "http://localhost:8000"}),
        (BEDROCK, {"aws_region_name": "us-east-1"}),
        ({"model": "bedrock/eu-west-1/anthropic.claude-v2"}, {"model": "bedrock/us-east-1/anthropic.claude-v2"}),
        ({**BEDROCK, "aws_access_key_id": "AKIA", "aws_secret_access_key": "s"}, {"aws_region_name": "us-east-1"}),
        (OPENAI_AT, {"extra_headers": {"Authorization": f"Bearer {SECRET}"}}),
    ],
)
def test_different_credentials(base: dict[str, Any], change: dict[str, Any]) -> None:
    assert not credential_is_shared(deployment(**base), deployment(**{**base, **change}))


@pytest.mark.parametrize("name", _AUTH)
@pytest.mark.parametrize("base", [OPENAI_AT, {"model": "openai/gpt-4o"}, BEDROCK, AZURE])
def test_no_parameter_that_tells_who_asks_is_overlooked(base: dict[str, Any], name: str) -> None:
    one, other = deployment(**{**base, name: "one"}), deployment(**{**base, name: "two"})
    assert not credential_is_shared(one, other)
    assert not credential_is_shared(deployment(**base), one)
    assert facts_of(one) != facts_of(other)


NO_IDENTITY = {
    *("gcs_bucket_name", "bucket_name", "s3_bucket_name", "s3_endpoint_url", "s3_region_name", "s3_access_key_id"),
    *("s3_secret_access_key", "s3_encryption_key_id", "s3_bucket_owner", "s3_output_bucket_name"),  # files and batches
    *("aws_bedrock_control_plane_endpoint", "aws_batch_role_arn", "bedrock_tags", "allow_legacy_cloud_file_ids"),
    *("anthropic_issuer_ttl_seconds", "anthropic_keycloak_auth_method"),  # how, not who
    "anthropic_disable_workload_identity_federation",
}


def test_litellm_has_no_parameter_for_credentials_that_nobody_has_looked_at() -> None:
    from litellm.types.router import CredentialLiteLLMParams

    assert set(CredentialLiteLLMParams.model_fields) - READ - NO_IDENTITY == set()


def test_a_header_that_is_no_key_makes_no_other_credential() -> None:
    other = {**OPENAI, "extra_headers": {"anthropic-beta": "tools"}}
    assert credential_is_shared(deployment(**OPENAI), deployment(**other))


def test_keys_that_know_how_to_hide_are_told_apart() -> None:
    from pydantic import SecretStr

    one, other, again = (deployment(**{**OPENAI, "api_key": SecretStr(key)}) for key in ("one", "two", "one"))
    assert not credential_is_shared(one, other)
    assert credential_is_shared(one, again)


@pytest.mark.parametrize("placeholder", ["none", "EMPTY", "demo", None])
@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 503])
def test_servers_with_one_placeholder_key_share_nothing(placeholder: str | None, status: int) -> None:
    servers = [
        deployment(f"vllm-{n}", model="hosted_vllm/llama", api_base=f"http://10.0.0.{n}:8000/v1", api_key=placeholder)
        for n in range(3)
    ]
    fo = Failover(targets_of(servers), Policy())
    for _ in range(5):
        permit = fo.acquire(among=["vllm-0"])
        if permit is not None:
            permit.failure(Refused(status))
    assert {fo.health()[f"vllm-{n}"].health for n in (1, 2)} == {Health.HEALTHY}
    for healthy in ("vllm-1", "vllm-2"):
        permit = fo.acquire(among=["vllm-0", healthy])
        assert permit is not None
        assert permit.target.id == healthy
        permit.success()


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_one_region_does_not_take_the_other_one_out(status: int) -> None:
    regions = [deployment(region, **{**BEDROCK, "aws_region_name": region}) for region in ("eu-west-1", "us-east-1")]
    fo = fails_with(status, *regions)
    assert fo.health()["us-east-1"].health is Health.HEALTHY
    assert [t.region for t in fo.targets] == ["eu-west-1", "us-east-1"]


def test_a_rate_limit_is_that_of_a_key_and_a_model() -> None:
    assert shares(RATE_IS_LIMITED, deployment(**AZURE), deployment(**{**AZURE, "api_version": "2024-10-21"}))
    assert not shares(RATE_IS_LIMITED, deployment(**AZURE), deployment(**{**AZURE, "model": "azure/gpt-4o-mini"}))


@pytest.fixture
def named_credentials(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    import litellm

    known: list[Any] = []
    monkeypatch.setattr(litellm, "credential_list", known)
    return known


def test_a_credential_that_litellm_keeps_by_name_is_looked_up(named_credentials: list[Any]) -> None:
    from litellm.types.utils import CredentialItem

    def keep(name: str, **values: str) -> None:
        named_credentials.append(CredentialItem(credential_name=name, credential_values=values, credential_info={}))

    keep("here", api_key="sk-one", api_base=GATEWAY)
    keep("there", api_key="sk-one", api_base="https://elsewhere.example.com/v1")
    here, there, unknown = (
        deployment(name, model="openai/gpt-4o", litellm_credential_name=name) for name in ("here", "there", "unknown")
    )
    assert server_is_shared(here, deployment(**OPENAI_AT))
    assert credential_is_shared(here, deployment(**OPENAI_AT))
    for other in (there, unknown):
        assert not server_is_shared(here, other)
        assert not credential_is_shared(here, other)
    own = {**here, "litellm_params": {**here["litellm_params"], "api_key": "sk-own"}}
    assert not credential_is_shared(here, {**own, "model_info": {"id": "own"}})
    before = facts_of(here)
    named_credentials.clear()
    keep("here", api_key="sk-two")
    assert facts_of(here) != before


# -- what the user says ------------------------------------------------------------------------------------------------


def test_what_the_user_says_overrules_what_was_read() -> None:
    said = {
        "credential": "team",
        "account": "acme",
        "endpoint": "mine",
        "region": "eu",
        "tier": 3,
        "weight": 2.0,
        "cost": 0.5,
        "rpm": 10,
        "tpm": 1000,
        "max_parallel": 4,
        "context_window": 9,
        "capabilities": ["tools"],
        "tags": ["eu"],
        "enabled": False,
    }
    (target,) = Failover(targets_of([deployment(failover=said, **OPENAI_AT)])).targets
    assert {name: getattr(target, name) for name in said} == {**said, "capabilities": {"tools"}, "tags": {"eu"}}


def test_a_key_is_the_key_at_the_endpoint_that_the_user_names() -> None:
    here, there = ({**OPENAI, "api_base": f"https://{name}.example.com"} for name in ("here", "there"))
    one = {"endpoint": "behind one balancer"}
    assert credential_is_shared(deployment(failover=one, **here), deployment(failover=one, **there))
    assert not credential_is_shared(deployment(failover=one, **here), deployment(**there))


def test_a_region_that_the_user_names_tells_servers_apart() -> None:
    model = {"model": BEDROCK["model"]}
    eu, us = (deployment(failover={"region": region}, **model) for region in ("eu-west-1", "us-east-1"))
    assert not server_is_shared(eu, us)
    assert server_is_shared(eu, deployment(**BEDROCK))


def test_nothing_said_about_a_region_or_an_endpoint_may_be_said_too() -> None:
    eu, us = ({**BEDROCK, "aws_region_name": region} for region in ("eu-west-1", "us-east-1"))
    for nothing in ({"region": None}, {"endpoint": None}):
        assert server_is_shared(deployment(failover=nothing, **eu), deployment(failover=nothing, **us))


def test_two_who_name_one_account_share_it() -> None:
    said = {"account": "acme"}
    one, other = (deployment(failover=said, **{**OPENAI, "api_key": key}) for key in ("sk-one", "sk-two"))
    assert not credential_is_shared(one, other)
    fo = Failover(targets_of([{**one, "model_info": {"id": "one", "failover": said}}, other]))
    assert {t.account for t in fo.targets} == {"acme"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"teir": 1}, ["primary", "model_info.failover.teir", "1", "tier"]),
        ({"provider": "mine"}, ["primary", "model_info.failover.provider", "<str>", "credential"]),
        ({"api_key": SECRET}, ["primary", "model_info.failover.api_key", "<str>", "credential"]),
        ({f"sk-{SECRET}": 1}, ["primary", "model_info.failover.", "credential"]),
        ({1: 2}, ["primary", "model_info.failover.1", "2"]),
        ([1], ["primary", "model_info.failover", "<list>", "mapping"]),
        (SECRET, ["primary", "model_info.failover", "<str>", "mapping"]),
        ({"tier": -1}, ["primary", "tier", "-1"]),
        ({"endpoint": 7}, ["primary", "endpoint", "7"]),
        ({"region": ["eu"]}, ["primary", "region", "eu"]),
        ({"credential": f"sk-{SECRET}"}, ["primary", "credential", "fingerprint"]),
    ],
)
def test_facts_that_are_not_understood(said: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Failover(targets_of([deployment("primary", failover=said, **OPENAI)]))
    assert [word for word in words if word not in str(caught.value)] == []
    assert SECRET not in str(caught.value)


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", ["primary", "a" * 64, "A" * 64, MADE_UP.upper(), MADE_UP[:-1], "7"])
def test_an_id_of_the_users_own_is_kept(own: str) -> None:
    expected = own if own != "a" * 64 else "chat/openai/gpt-4o#aaaaaaaa"  # a hash, for all that anybody can tell
    assert target_id(deployment(own, **OPENAI)) == expected


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        (OPENAI, "chat/openai/gpt-4o#47d0b4a8"),
        (OPENAI_AT, "chat/openai/gpt-4o@gateway.example.com/v1#47d0b4a8"),
        ({**OPENAI_AT, "order": 2}, "chat/openai/gpt-4o@gateway.example.com/v1,order=2#47d0b4a8"),
        (BEDROCK, "chat/bedrock/anthropic.claude-sonnet@eu-west-1#47d0b4a8"),
        ({**BEDROCK, "aws_profile_name": "team"}, "chat/bedrock/anthropic.claude-sonnet@eu-west-1,team#47d0b4a8"),
        (VERTEX, "chat/vertex_ai/gemini-2.5-pro@europe-west1,alpha#47d0b4a8"),
        (AZURE, "chat/azure/gpt-4o@one.openai.azure.com,2024-06-01#47d0b4a8"),
        ({**OPENAI, "api_base": f"https://me:{SECRET}@h?key={SECRET}"}, "chat/openai/gpt-4o@h#47d0b4a8"),
        ({"model": "openai/*"}, "chat/openai/*#47d0b4a8"),
    ],
)
def test_an_id_that_litellm_made_up_is_shown_so_that_it_can_be_read(params: dict[str, Any], shown: str) -> None:
    assert target_id(deployment(MADE_UP, **params)) == shown


def test_an_id_is_no_longer_than_can_be_read() -> None:
    arn = f"bedrock/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{'x' * 200}"
    assert len(target_id(deployment(MADE_UP, model=arn, api_base=f"https://{'h' * 200}"))) < 150


def test_an_id_of_a_deployment_that_was_added_later_can_be_read_too() -> None:
    added = deployment("e13a2411-4b1f-4c7c-a636-3c6bc7209f9d", **BEDROCK)
    assert target_id(added) == "chat/bedrock/anthropic.claude-sonnet@eu-west-1#e13a2411"


def test_an_id_depends_on_its_deployment_alone() -> None:
    one = deployment(MADE_UP, **BEDROCK)
    others = [deployment(f"{n:064x}"[::-1], **BEDROCK) for n in range(1, 9)]
    alone = ids_of([one])[MADE_UP]
    together = ids_of([*others, one])
    assert together[MADE_UP] == alone
    assert len(set(together.values())) == 9


def test_ids_that_would_be_the_same_are_told_apart() -> None:
    twin = f"{MADE_UP[:8]}{MADE_UP[8:][::-1]}"
    shown = target_id(deployment(MADE_UP, **OPENAI))
    ids = ids_of([deployment(MADE_UP, **OPENAI), deployment(twin, **OPENAI), deployment(shown, **OPENAI)])
    assert ids == {MADE_UP: f"{shown}{MADE_UP[8:]}", twin: f"{shown}{twin[8:]}", shown: shown}


def test_every_deployment_has_a_target() -> None:
    deployments = [deployment(MADE_UP, **OPENAI), deployment("b", **BEDROCK)]
    assert [t.id for t in targets_of(deployments)] == [ids_of(deployments)[given_id(d)] for d in deployments]


def test_of_two_deployments_with_one_id_the_last_counts() -> None:
    (target,) = targets_of([deployment(**OPENAI), deployment(**BEDROCK)])
    assert target.provider == "bedrock"


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_facts_are_read_off_the_deployment() -> None:
    import litellm

    first = deployment("first", order=1, weight=3, **OPENAI_AT)
    second = deployment("second", order=5, **OPENAI_AT)
    second["model_info"]["max_input_tokens"] = 77
    other_group = {**deployment("third", **BEDROCK), "model_name": "other"}
    one, two, three = targets_of([second, first, other_group])
    assert (two.provider, two.model, two.endpoint) == ("openai", "gpt-4o", GATEWAY)
    window = litellm.model_cost["gpt-4o"]["max_input_tokens"]
    assert (two.tier, two.weight, two.context_window) == (0, 3, window)
    assert (one.tier, one.weight, one.context_window) == (1, 1.0, 77)
    assert three.tier == 0


def test_an_order_may_be_written_as_text() -> None:
    targets = targets_of([deployment("first", order="1", **OPENAI), deployment("second", order="2", **OPENAI)])
    assert [t.tier for t in targets] == [0, 1]
    with pytest.raises(ConfigError, match="primary: order = <str>: give a whole number"):
        targets_of([deployment("primary", order=SECRET, **OPENAI)])


def test_a_wildcard_is_one_target() -> None:
    (target,) = targets_of([deployment(model="openai/*")])
    assert (target.provider, target.model, target.credential) == ("openai", "*", "openai:default")


def test_a_provider_that_only_its_address_gives_away() -> None:
    (target,) = targets_of([deployment(model="llama", api_base="https://api.groq.com/openai/v1")])
    assert target.provider == "groq"


def test_a_model_that_litellm_does_not_know() -> None:
    (target,) = targets_of([deployment(model="nobody-knows-it")])
    assert (target.provider, target.model) == ("unknown", "nobody-knows-it")


@pytest.mark.parametrize("place", ["weight", "order", "custom_llm_provider", "model", *sorted(READ)])
def test_what_a_target_is_read_from_is_compared(place: str) -> None:
    assert facts_of(deployment(**{**OPENAI, place: "3"})) != facts_of(deployment(**{**OPENAI, place: "4"}))


@pytest.mark.parametrize(
    "info", [{"failover": {"tier": 1}}, {"order": 1}, {"base_model": "azure/gpt-4o"}, {"max_input_tokens": 5}]
)
def test_what_stands_in_model_info_is_compared_too(info: dict[str, Any]) -> None:
    changed = deployment(**OPENAI)
    changed["model_info"].update(info)
    assert facts_of(changed) != facts_of(deployment(**OPENAI))


def test_what_no_target_is_read_from_is_not_compared() -> None:
    other = {**OPENAI, "timeout": 9, "mock_response": "x", "use_litellm_proxy": False, "organization": None}
    assert facts_of(deployment(**OPENAI)) == facts_of(deployment(**other))


HIDES = [
    *({**OPENAI_AT, name: f"{SECRET}-of-some-length-1"} for name in _AUTH if name not in _OWNERS),
    *({**base, "extra_headers": {"Authorization": f"Bearer {SECRET}"}} for base in (OPENAI, BEDROCK)),
    *(
        {**OPENAI, "api_base": url.format(SECRET)}
        for url in ("https://me:{}@h/v1", "https://h/v1?key={}", "h?code={0}#{0}")
    ),
    {**OPENAI, "api_base": f"https://[{SECRET}/v1"},
    {**OPENAI, "api_base": f"https://h/sk-{SECRET}/v1", "region_name": f"sk-{SECRET}", "api_version": f"sk-{SECRET}"},
    {**VERTEX, "vertex_credentials": {"private_key": SECRET}},
]


@pytest.mark.parametrize("params", HIDES)
@pytest.mark.parametrize("given", ["own", MADE_UP])
def test_no_secret_is_shown(params: dict[str, Any], given: str) -> None:
    deployments = [deployment(given, **params)]
    fo = fails_with(KEY_IS_DEAD, *deployments)
    shown = [targets_of(deployments), ids_of(deployments), fo, fo.targets, fo.health(), fo.explain()]
    assert [text for value in shown for text in (repr(value), str(value)) if SECRET in text] == []
