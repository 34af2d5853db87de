"""Which server and which credential a deployment uses, read off its ``litellm_params``, without showing a secret.

Two deployments share what is learned of a server or of a key only if every parameter that could make them different is
equal. A parameter too many in the table below costs one more failed attempt, because a fault is then learned twice. A
parameter too few takes a healthy deployment out for the fault of another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

import litellm

from failover_litellm.host import mapping
from failover_plugin.classify.redact import redact

Params = Mapping[str, Any]

_NAMED: Final = "litellm_credential_name"
"""Names a set of parameters that LiteLLM keeps elsewhere and adds to those of the deployment."""

_URLS: Final = (
    "base_url",  # before api_base: ``litellm.completion`` lets it win
    "api_base",
    "azure_endpoint",
    "aws_bedrock_runtime_endpoint",
    "sagemaker_base_url",
    "deployment_url",  # SAP
    "github_copilot_host",
    "url",  # watsonx
)
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "region": (
        "aws_region_name",  # Bedrock, SageMaker
        "vertex_location",
        "vertex_ai_location",
        "watsonx_region_name",
        "watsonx_region",
        "oci_region",
        "region_name",  # LiteLLM's name for all of these
        "region",
    ),
    "project": (
        "vertex_project",
        "vertex_ai_project",
        "watsonx_project",
        "aws_bedrock_project_id",
        "project_id",  # watsonx
        "project",  # LiteLLM's name for these
    ),
    "space": ("space_id",),  # watsonx
    "account": ("account_id", "predibase_tenant_id"),  # Snowflake, Predibase
    "workspace": ("aws_workspace_id",),
    "compartment": ("oci_compartment_id",),
}
"""Where a server is: a key is another credential at each such place. The names of a row mean the same."""

_WHICH: Final[Mapping[str, tuple[str, ...]]] = {
    "version": ("api_version",),
    "model_id": ("model_id",),  # a Bedrock ARN, or a SageMaker inference component
    "serving": ("oci_serving_mode", "oci_endpoint_id"),
}
"""Which of the servers at that place: a key is the same credential at all of them."""

_WHICH_HIDDEN: Final = (
    *("extra_headers", "headers", "default_headers", "extra_query", "extra_body"),  # a gateway may route by them
    *("provider", "use_litellm_proxy"),  # OpenRouter's preferences; another address
    *("watsonx_credentials", "wx_credentials", _NAMED),  # may contain a URL
)
"""The same, but only ever shown as a fingerprint."""

_AUTH: Final = (
    *("api_key", "apikey", "token", "organization", "gemini_api_key", _NAMED),
    *(
        "azure_ad_token",
        "azure_ad_token_provider",
        "tenant_id",
        "client_id",
        "client_secret",
    ),  # client_*: Databricks too
    *("azure_username", "azure_password", "azure_scope"),
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_session_tags", "aws_session_name"),
    *("aws_profile_name", "aws_role_name", "aws_web_identity_token", "aws_sts_endpoint", "aws_external_id"),
    *("vertex_credentials", "vertex_ai_credentials"),
    *("watsonx_token", "watsonx_apikey", "watsonx_credentials", "wx_credentials", "zen_api_key"),
    *("oci_user", "oci_tenancy", "oci_fingerprint", "oci_key", "oci_key_file", "oci_signer"),
    *("anthropic_federation_rule_id", "anthropic_organization_id", "anthropic_service_account_id"),
    *("anthropic_federation_workspace_id", "anthropic_identity_token_file", "anthropic_identity_token"),
    *("anthropic_identity_source", "anthropic_issuer_url", "anthropic_issuer_subject", "anthropic_issuer_audience"),
    *("anthropic_issuer_signing_key_ref", "anthropic_keycloak_token_url", "anthropic_keycloak_client_id"),
    *("anthropic_keycloak_client_secret_ref", "anthropic_keycloak_scope"),
    *("openai_identity_provider_id", "openai_service_account_id", "openai_identity_token_file"),
    *("token_exchange_endpoint", "token_exchange_profile", "token_exchange_scope", "token_exchange_audience"),
    *("gigachat_access_token", "gigachat_auth_url", "gigachat_scope", "github_copilot_auth_type"),
    *("chatgpt_auth_file", "use_xai_oauth"),
)
"""Who asks. Headers count too, by name (``_AUTH_HEADER``)."""

_HEADERS: Final = ("extra_headers", "headers", "default_headers")
_AUTH_HEADER: Final = re.compile(r"auth|key|token|secret|cookie|organi[sz]ation|project|account|tenant", re.IGNORECASE)

_OWNERS: Final = (_NAMED, "aws_profile_name")
"""Names of credentials that are no secrets."""

READ: Final = frozenset(
    (*_URLS, *_WHICH_HIDDEN, *_AUTH, *(name for row in (*_PLACES.values(), *_WHICH.values()) for name in row))
)
"""Every parameter that identity is read from, beside ``model`` and ``custom_llm_provider``."""

_FAMILIES: Final = {
    "azure_text": "azure",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
    "sagemaker_chat": "sagemaker",
    "sagemaker_nova": "sagemaker",
    "text-completion-codestral": "codestral",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
    "watsonx_text": "watsonx",
}
"""LiteLLM's second names of a provider: a key without an endpoint is the same credential under both."""

_AWS: Final = ("bedrock", "bedrock_mantle", "sagemaker")
_AWS_REGION: Final = re.compile(r"arn:aws[\w-]*:[\w-]+:([a-z0-9-]+):|(?:^|/)([a-z]{2}(?:-[a-z]+)+-\d)/")
_PORTS: Final = {"http": 80, "https": 443}
_MOST_SHOWN: Final = 80
"""Characters of a value that are shown; a longer one becomes a fingerprint."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A deployment's server and credential as fields of a ``Target``, and ``labels`` for its id. None has a secret."""

    endpoint: str | None
    region: str | None
    credential: str
    labels: tuple[str, ...]


def identity_of(params: Params, provider: str, model: str, said: Mapping[str, Any]) -> Identity:
    """The identity of a deployment with these ``litellm_params``.

    ``said`` are the facts that the user gives. A given ``endpoint`` replaces every parameter that tells servers apart,
    a given ``region`` replaces the region; the credential is then the key at that place.
    """
    known = with_named_credential(params)
    family = _FAMILIES.get(provider, provider)
    urls = _values(known, _URLS)
    place = {slot: _joined(known, names) for slot, names in _PLACES.items()}
    place["region"] = place["region"] or _aws_region(known, family, model)
    if "region" in said:
        place["region"] = _text(said["region"]) if said["region"] else ""
    which = {slot: _joined(known, names) for slot, names in _WHICH.items()}
    hidden = _hidden(known, _WHICH_HIDDEN)
    if not place["project"]:  # a service account belongs to a project, and another project may not have the model
        hidden += _hidden(known, ("vertex_credentials", "vertex_ai_credentials"))
    labels = (*_labels(urls, place, which), *_showable(_values(params, _OWNERS)))
    if "endpoint" in said:
        urls, place, which, hidden = [_text(said["endpoint"])] if said["endpoint"] else [], {}, {}, []
    at = (*map(_canonical_url, urls), *(f"{slot}={value}" for slot, value in place.items() if value))
    credential = _credential(known, family, urls, at)
    if not at and (hidden or any(which.values())):  # one server per credential, as where nothing is known of the server
        hidden.append(("credential", credential))
    return Identity(
        endpoint=_endpoint(family, urls, {**place, **which}, hidden),
        region=next(_showable([place.get("region", "")]), None),
        credential=credential,
        labels=labels,
    )


def with_named_credential(params: Params) -> Params:
    """The parameters with those that ``litellm_credential_name`` stands for: a new mapping, or ``params`` itself.

    LiteLLM lets the deployment's own parameters win. A name that it does not know (yet) adds nothing.
    """
    name = params.get(_NAMED)
    if not name:
        return params
    credentials = cast("Iterable[Any]", getattr(litellm, "credential_list", ()))
    found = next((c for c in credentials if getattr(c, "credential_name", None) == name), None)
    own = {key: value for key, value in params.items() if key != _NAMED and value is not None}
    return params if found is None else {**found.credential_values, **own}


def fingerprint(*values: str) -> str:
    """A short digest: equal for equal values, and nothing of them can be read off it."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


def _credential(params: Params, family: str, urls: list[str], at: tuple[str, ...]) -> str:
    """The key at its place: a placeholder such as "none", given for several servers, makes them share nothing.

    Without a URL the provider is part of the place. Without a key the credential is what LiteLLM finds in the
    environment for this provider, at this place.
    """
    secrets = [f"{name}={_text(params[name])}" for name in _AUTH if params.get(name)]
    for headers in _HEADERS:
        named = {str(name): _text(value) for name, value in mapping(params.get(headers)).items()}
        secrets += sorted(f"{name}={value}" for name, value in named.items() if _AUTH_HEADER.search(name))
    if not secrets:
        return f"{family}:default:{fingerprint(*at)}" if at else f"{family}:default"
    return f"sha256:{fingerprint(*secrets, '', '' if urls else family, *at)}"


def _endpoint(family: str, urls: list[str], facts: Mapping[str, str], hidden: list[tuple[str, str]]) -> str | None:
    """All that tells one server from another, as text: ``bedrock (eu-west-1)``, ``https://host/v1 (version=1)``.

    What could be a secret is replaced by one fingerprint: user info and query of a URL, headers, whatever looks like a
    key. No character of the text means anything in a URL, because the core cuts a query off an endpoint.
    """
    details: list[str] = []
    for name, value in facts.items():
        if any(_showable([value])):
            text = quote(value, safe=",:")
            details.append(text if name == "region" else f"{name}={text}")
        elif value:
            hidden = [*hidden, (name, value)]
    base = _shown_url(urls[0]) if urls else family
    hidden = [*hidden, *(("url", _canonical_url(url)) for url in urls[1:])]
    if urls and base != (canonical := _canonical_url(urls[0])):
        hidden = [*hidden, ("url", canonical)]
    if hidden:
        details.append(f"~{fingerprint(*(part for pair in hidden for part in pair))}")
    if not details:
        return base if urls else None
    return f"{base} ({', '.join(details)})"


def _labels(urls: list[str], place: Mapping[str, str], which: Mapping[str, str]) -> tuple[str, ...]:
    address = [_shown_url(urls[0]).rpartition("://")[2]] if urls else []
    return *filter(None, address), *_showable([*place.values(), *which.values()])


def _showable(values: Iterable[str]) -> Iterator[str]:
    """Those of the values that are there, short, and do not look like a key."""
    return (value for value in values if value and len(value) <= _MOST_SHOWN and redact(value) == value)


def _hidden(params: Params, names: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, _text(params[name])) for name in names if params.get(name)]


def _canonical_url(url: str) -> str:
    """The URL as a server reads it: host in lower case, no default port, no slash at the end."""
    return _url(url, secrets=True)


def _shown_url(url: str) -> str:
    """The same without user info, query, fragment and whatever in its path looks like a key."""
    return _url(url, secrets=False)


def _url(url: str, *, secrets: bool) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:  # such as brackets that are no IPv6 address
        return url if secrets else "?"
    path = parts.path.rstrip("/")
    address = f"[{host}]" if ":" in host else host
    if port and port != _PORTS.get(parts.scheme):
        address += f":{port}"
    shown = (f"{parts.scheme}://" if parts.scheme else "") + address
    if not secrets:
        return shown + redact(path)
    login = parts.netloc.rpartition("@")[0]
    return (
        (f"{login}@" if login else "")
        + shown
        + path
        + (f"?{parts.query}" if parts.query else "")
        + (f"#{parts.fragment}" if parts.fragment else "")
    )


def _aws_region(params: Params, family: str, model: str) -> str:
    """The region in the name of an AWS model: ``eu-west-1/anthropic.claude`` or an ARN."""
    if family not in _AWS:
        return ""
    found = _AWS_REGION.search(str(params.get("model_id") or "")) or _AWS_REGION.search(model)
    return (found[1] or found[2] or "") if found else ""


def _joined(params: Params, names: Iterable[str]) -> str:
    return ",".join(_values(params, names))


def _values(params: Params, names: Iterable[str]) -> list[str]:
    """The different values of these parameters; mostly there is one at most."""
    return list(dict.fromkeys(_text(params[name]) for name in names if params.get(name)))


def _text(value: object) -> str:
    """A parameter's value in a form that is equal for equal values. Of an object with an address it names that one."""
    if isinstance(value, str):
        return value
    if callable(reveal := getattr(value, "get_secret_value", None)):
        return str(reveal())
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, sort_keys=True, default=_text)
    return repr(value)
