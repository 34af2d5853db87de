"""LiteLLM's deployments as our targets: facts only, and never a secret.

Everything is read off the deployment itself; ``identity.py`` reads its server and its credential. What cannot be read,
or is wrong, the user says under ``model_info.failover``, by the names of ``Target``'s own fields: that overrules what
was read. An unknown name there is a ``ConfigError``.

A wildcard deployment (``openai/*``) is one target with the model ``*``: what is learned of it holds for all its models.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final, cast

import litellm

from failover_litellm.host import mapping
from failover_litellm.identity import READ, Identity, identity_of, with_named_credential
from failover_plugin import ConfigError, Target
from failover_plugin.classify.redact import redact

Deployment = Mapping[str, Any]

_FACTS: Final = sorted({f.name for f in fields(Target)} - {"id", "provider", "model"})
_SETS: Final = ("tags", "capabilities")
_COMPARED: Final = READ | {"model", "custom_llm_provider", "weight", "order"}
_COMPARED_INFO: Final = ("failover", "order", "base_model", "max_input_tokens")

_MADE_UP: Final = re.compile(
    r"[0-9a-f]{64}"  # SHA-256 of the group and all parameters: a deployment of ``model_list`` without an id
    r"|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"  # UUID 4: one that was added later
)
_SUFFIX: Final = 8
"""Characters of a made-up id that are shown: enough to search for it in LiteLLM's own log and headers."""
_MOST_SHOWN: Final = 60
"""Characters of a model's name or a place in an id."""


def targets_of(deployments: Iterable[Deployment]) -> tuple[Target, ...]:
    """One target per deployment. Those of a model group that have the same ``order`` share a tier.

    Of deployments with the same id, which LiteLLM allows, the last one counts.

    Raises ``ConfigError`` if what stands under ``model_info.failover``, or an ``order``, is not understood.
    """
    unique = {given_id(d): d for d in deployments}
    ids = ids_of(unique.values())
    levels: dict[str, set[int]] = {}
    for deployment in unique.values():
        levels.setdefault(deployment["model_name"], set()).add(_order(deployment))
    tiers = {group: sorted(orders) for group, orders in levels.items()}
    return tuple(_target(ids[given], d, tiers[d["model_name"]].index(_order(d))) for given, d in unique.items())


def ids_of(deployments: Iterable[Deployment]) -> dict[str, str]:
    """The id of each deployment's target by the id that LiteLLM knows the deployment by.

    The ids are those of ``target_id``. Only if two of them are the same, both end in the whole of LiteLLM's id.
    """
    ids = {given_id(d): target_id(d) for d in deployments}
    times = Counter(ids.values())
    return {
        given: shown if shown == given or times[shown] == 1 else f"{shown}{given[_SUFFIX:]}"
        for given, shown in ids.items()
    }


def given_id(deployment: Deployment) -> str:
    """The id by which LiteLLM knows the deployment."""
    return str(deployment["model_info"]["id"])


def target_id(deployment: Deployment) -> str:
    """The id by which reports show the deployment: the user's own, or what a person can tell apart.

    An id that LiteLLM made up is shown as ``group/model@places#1a2b3c4d``: the model as it is configured; where it is
    (host, region, project, API version), the name of its credential and its ``order``, as far as they are given; and
    the beginning of LiteLLM's id. The text depends on this deployment alone, because health is kept under it: it stays
    as it is when others come and go.
    """
    given = given_id(deployment)
    if not _MADE_UP.fullmatch(given):
        return given
    params = deployment["litellm_params"]
    order = _order(deployment)
    places = ",".join([*_identity(deployment).labels, *([f"order={order}"] if order else [])])
    where = f"@{_shortened(places)}" if places else ""
    return f"{deployment['model_name']}/{_shortened(str(params['model']))}{where}#{given[:_SUFFIX]}"


def facts_of(deployment: Deployment) -> tuple[object, ...]:
    """What has to be equal (``==``) for a target to stay as it is: all that its fields are read from.

    It is cheap, and it contains secrets: compare it, and show it to nobody.
    """
    params, info = deployment["litellm_params"], deployment["model_info"]
    known = with_named_credential(params)
    said = {name: value for name, value in known.items() if name in _COMPARED and value}
    return deployment["model_name"], said, *[info.get(name) for name in _COMPARED_INFO]


def _target(identity: str, deployment: Deployment, tier: int) -> Target:
    params, info = deployment["litellm_params"], deployment["model_info"]
    provider, model = _provider_and_model(params)
    said = _said(identity, info)
    read = identity_of(params, provider, model, said)
    facts: dict[str, Any] = {
        "credential": read.credential,
        "endpoint": read.endpoint,
        "region": read.region,
        "tier": tier,
        "weight": params.get("weight") or 1.0,
        "context_window": _context_window(params, info),
    }
    return Target(identity, provider=provider, model=model, **{**facts, **said})


def _identity(deployment: Deployment) -> Identity:
    params = deployment["litellm_params"]
    provider, model = _provider_and_model(params)
    return identity_of(params, provider, model, mapping(deployment["model_info"].get("failover")))


def _said(identity: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """What the user says of this deployment."""
    said: Any = info.get("failover") or {}
    if not isinstance(said, Mapping):
        raise ConfigError(f"{identity}: model_info.failover = {_shown(said)}: give a mapping, such as {{'tier': 1}}.")
    facts = dict(mapping(said))
    for name in facts:
        if name not in _FACTS:
            where = f"{identity}: model_info.failover.{redact(str(name))} = {_shown(facts[name])}"
            raise ConfigError(f"{where} is not known. Use one of {', '.join(_FACTS)}.")
    sets: dict[str, Any] = {name: frozenset(facts[name]) for name in _SETS if isinstance(facts.get(name), list | tuple)}
    return {**facts, **sets}


def _shown(value: object) -> str:
    """A value in an error: a number as it is, any other by its type alone, for it may hold a secret."""
    return repr(value) if isinstance(value, int | float) else f"<{type(value).__name__}>"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN // 2]}..{text[2 - _MOST_SHOWN // 2 :]}"


def _provider_and_model(params: Mapping[str, Any]) -> tuple[str, str]:
    """As LiteLLM will see them when it makes the call; a provider that only its URL gives away included."""
    model, provider = str(params["model"]), params.get("custom_llm_provider")
    url = params.get("base_url") or params.get("api_base")
    try:
        name, found, _, _ = litellm.get_llm_provider(model=model, custom_llm_provider=provider, api_base=url)
    except Exception:  # noqa: BLE001 - a name that LiteLLM does not know: the call will tell the caller
        return str(provider or "unknown"), model
    return found, name


def _context_window(params: Mapping[str, Any], info: Mapping[str, Any]) -> int | None:
    """In tokens: what the deployment says, or what LiteLLM's table says of the model."""
    table = cast("Mapping[str, Any]", litellm.model_cost)  # pyright: ignore[reportUnknownMemberType]
    model = str(info.get("base_model") or params["model"])
    known = mapping(table.get(model) or table.get(model.partition("/")[2]))
    window = info.get("max_input_tokens") or known.get("max_input_tokens")
    return window if isinstance(window, int) and window > 0 else None


def _order(deployment: Deployment) -> int:
    given = deployment["litellm_params"].get("order")
    order = deployment["model_info"].get("order") or 0 if given is None else given
    try:
        return int(order)
    except (TypeError, ValueError):
        raise ConfigError(f"{given_id(deployment)}: order = {_shown(order)}: give a whole number.") from None
