"""LiteLLM's deployments as our targets: facts only, and never a secret.

Everything is read off the deployment itself; what cannot be read, or is wrong, the user says under
``model_info.failover``, by the names of ``Target``'s own fields. An unknown name there is a ``ConfigError``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, cast

import litellm

from failover_litellm.host import mapping
from failover_plugin import ConfigError, Target

Deployment = Mapping[str, Any]

_FACTS = sorted({f.name for f in fields(Target)} - {"id", "provider", "model"})
_SETS = ("tags", "capabilities")
_SECRETS = ("api_key", "azure_ad_token", "aws_access_key_id", "vertex_credentials", "litellm_credential_name")
_HASH_LENGTH = 64


def targets_of(deployments: Iterable[Deployment]) -> tuple[Target, ...]:
    """One target per deployment. Those of a model group that have the same ``order`` share a tier.

    Raises ``ConfigError`` if what stands under ``model_info.failover`` is not understood.
    """
    unique = {given_id(d): d for d in deployments}.values()
    levels: dict[str, set[int]] = {}
    for deployment in unique:
        levels.setdefault(deployment["model_name"], set()).add(_order(deployment))
    return tuple(_target(d, sorted(levels[d["model_name"]]).index(_order(d))) for d in unique)


def given_id(deployment: Deployment) -> str:
    """The id by which LiteLLM knows it."""
    return str(deployment["model_info"]["id"])


def target_id(deployment: Deployment) -> str:
    """The id by which reports show it: the user's own; where LiteLLM made up a hash, something that can be read."""
    given = given_id(deployment)
    if len(given) != _HASH_LENGTH:
        return given
    return f"{deployment['model_name']}/{deployment['litellm_params']['model']}@{given[:8]}"


def facts_of(deployment: Deployment) -> tuple[object, ...]:
    """What has to be equal for a target to stay as it is: little, for it is compared at every choice."""
    params, info = deployment["litellm_params"], deployment["model_info"]
    names = ("model", "api_key", "api_base", "region_name", "weight")
    return *(params.get(name) for name in names), _order(deployment), info.get("failover"), info.get("max_input_tokens")


def _target(deployment: Deployment, tier: int) -> Target:
    identity, params, info = target_id(deployment), deployment["litellm_params"], deployment["model_info"]
    provider, model = _provider_and_model(params)
    facts: dict[str, Any] = {
        "credential": _fingerprint(params) or (None if params.get("api_base") else f"{provider}:default"),
        "endpoint": params.get("api_base"),
        "region": params.get("region_name"),
        "tier": tier,
        "weight": params.get("weight") or 1.0,
        "context_window": _context_window(params, info),
    }
    return Target(identity, provider=provider, model=model, **{**facts, **_said(identity, info)})


def _said(identity: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """What the user says of this deployment."""
    said: Any = info.get("failover") or {}
    if not isinstance(said, dict):
        raise ConfigError(f"{identity}: model_info.failover = {_shown(said)}: give a mapping, such as {{'tier': 1}}.")
    facts = dict(mapping(said))
    for name in facts:
        if name not in _FACTS:
            where = f"{identity}: model_info.failover.{name} = {_shown(facts[name])}"
            raise ConfigError(f"{where} is not known. Use one of {', '.join(_FACTS)}.")
    sets: dict[str, Any] = {name: frozenset(facts[name]) for name in _SETS if isinstance(facts.get(name), list | tuple)}
    return {**facts, **sets}


def _shown(value: object) -> str:
    """A value in an error: a number as it is, any other by its type alone, for it may hold a secret."""
    return repr(value) if isinstance(value, int | float) else f"<{type(value).__name__}>"


def _provider_and_model(params: Mapping[str, Any]) -> tuple[str, str]:
    model, provider = str(params["model"]), params.get("custom_llm_provider")
    try:
        name, found, _, _ = litellm.get_llm_provider(model=model, custom_llm_provider=provider)
    except Exception:  # noqa: BLE001 - a name that LiteLLM does not know: the call will tell the caller
        return str(provider or "unknown"), model
    return found, name


def _fingerprint(params: Mapping[str, Any]) -> str | None:
    """Tells equal secrets from different ones and gives nothing of them away."""
    secret = next((params[name] for name in _SECRETS if params.get(name)), None)
    return secret and f"sha256:{hashlib.sha256(str(secret).encode()).hexdigest()[:12]}"


def _context_window(params: Mapping[str, Any], info: Mapping[str, Any]) -> int | None:
    """In tokens: what the deployment says, or what LiteLLM's table says of the model."""
    table = cast("Mapping[str, Any]", litellm.model_cost)  # pyright: ignore[reportUnknownMemberType]
    model = str(info.get("base_model") or params["model"])
    known = mapping(table.get(model) or table.get(model.partition("/")[2]))
    window = info.get("max_input_tokens") or known.get("max_input_tokens")
    return window if isinstance(window, int) and window > 0 else None


def _order(deployment: Deployment) -> int:
    order = deployment["litellm_params"].get("order")
    return int(deployment["model_info"].get("order") or 0) if order is None else int(order)
