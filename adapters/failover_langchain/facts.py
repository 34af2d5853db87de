"""What a model says about itself, as a ``Target``: whose it is, where it is and what it can do.

Two models with the same key at the same place share what is learned about that key, so the key has to be recognisable
without being readable: its fingerprint is a short one-way digest, salted with provider and endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, SecretStr

from failover_langchain import _host
from failover_plugin import Target

_ENDPOINTS = re.compile(r"(api_base|base_url|api_url|endpoint|endpoint_url|server_url|sambanova_url|host)$|^url$")
"""Names of the fields in which classes keep where they call."""
_INHERITED = ("openai_api_base",)
"""Read last: a class derived from ChatOpenAI has a field of its own, and that one holds."""
_REGIONS = ("region_name", "location", "region", "aws_region", "inference_geo")
_NOTHING: Mapping[str, Any] = {}
_CLIENTS = ("root_client", "client", "_client", "async_client")
_CAPABILITIES = {"tool_calling": "tools", "image_inputs": "images", "structured_output": "schema"}


def target_of(model: BaseChatModel, kwargs: Mapping[str, Any], *, tier: int) -> Target:
    """The facts of a model that is called with ``kwargs``; its id is ``provider:model``."""
    params = _host.ls_params(model, dict(kwargs))
    profile: Mapping[str, Any] = (
        {} if "model" in kwargs else model.profile or {}
    )  # It speaks of the model's own choice.
    provider = params.get("ls_provider") or "unknown"
    name = params.get("ls_model_name") or type(model).__name__
    endpoint = _endpoint(model)
    return Target(
        f"{provider}:{name}",
        provider=provider,
        model=name,
        credential=_fingerprint(model, provider, endpoint),
        endpoint=endpoint,
        region=_region(model),
        tier=tier,
        context_window=_context_window(profile),
        capabilities=_capabilities(profile),
    )


def _context_window(profile: Mapping[str, Any]) -> int | None:
    tokens = profile.get("max_input_tokens")
    return tokens if isinstance(tokens, int) and tokens > 0 else None


def _capabilities(profile: Mapping[str, Any]) -> frozenset[str]:
    """What the model can do. A profile that is silent on a feature does not deny it."""
    if not any(key in profile for key in _CAPABILITIES):
        return frozenset()
    return frozenset(name for key, name in _CAPABILITIES.items() if profile.get(key) is not False)


def _endpoint(model: BaseChatModel) -> str | None:
    """The base URL, without user info and query: either may hold a secret."""
    for url in _urls(model):
        parts = urlsplit(url if "://" in url else f"https://{url}" if "." in url else "")
        if parts.hostname:
            port = f":{parts.port}" if parts.port else ""
            return f"{parts.scheme}://{parts.hostname}{port}{parts.path}".rstrip("/")
    return None


def _urls(model: BaseChatModel) -> Iterator[str]:
    """What may be the base URL, most telling first: the fields of the model, of a model in it, and their clients."""
    for owner in _owners(model):
        names = [name for name in type(owner).model_fields if _ENDPOINTS.search(name)]
        for name in sorted(names, key=lambda name: (name in _INHERITED, name != "azure_endpoint")):
            value: Any = getattr(owner, name, None)
            value = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(value, str):
                yield value
    for client in _clients(model):
        yield str(getattr(client, "base_url", ""))


def _owners(model: BaseChatModel) -> Iterator[BaseModel]:
    """The model, and the one it is a chat face of (``ChatHuggingFace.llm``)."""
    yield model
    if isinstance(inner := getattr(model, "llm", None), BaseModel):
        yield inner


def _clients(model: BaseChatModel) -> Iterator[Any]:
    """The SDK's clients that exist, and those inside of them: none is built for this."""
    for owner in _owners(model):
        kept: dict[str, Any] = {**(owner.__pydantic_private__ or {}), **vars(owner)}
        for client in (kept.get(name) for name in _CLIENTS):
            if client is not None:
                yield client
                yield getattr(client, "__dict__", _NOTHING).get("_client")


def _region(model: BaseChatModel) -> str | None:
    """Bedrock's region, Vertex's location: one that is down says nothing of another."""
    named = [getattr(model, name, None) for name in _REGIONS]
    named += [getattr(getattr(client, "meta", None), "region_name", None) for client in _clients(model)]
    return next((region for region in named if isinstance(region, str) and region), None)


def _fingerprint(model: BaseChatModel, provider: str, endpoint: str | None) -> str | None:
    values = (getattr(model, name, None) for name in type(model).model_fields)
    secrets = sorted(value.get_secret_value() for value in values if isinstance(value, SecretStr))
    if not any(secrets):
        return None
    salted = "\0".join((provider, endpoint or "", *secrets))
    return f"key-{blake2b(salted.encode(), digest_size=6).hexdigest()}"
