"""What several models can do together: no more than each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.base import LangSmithParams

from failover_langchain import _host
from failover_langchain.entry import Entry
from failover_langchain.wrapping import unwrapped


def common_profile(entries: Sequence[Entry]) -> ModelProfile | None:
    """The intersection of the models' profiles: what all can do, and the smallest numbers. None if one is unknown.

    A model that is not built yet has no profile, and is not built for one.
    """
    models = [entry.model for entry in entries if entry.is_built]
    profiles: list[dict[str, Any]] = [dict(model.profile) for model in models if model and model.profile]
    if len(profiles) < len(entries):
        return None
    shared = set[str].intersection(*(set(profile) for profile in profiles))
    merged = {key: _common([profile[key] for profile in profiles]) for key in sorted(shared)}
    return cast(ModelProfile, {key: value for key, value in merged.items() if value is not None})


def _common(values: list[Any]) -> Any:
    if all(isinstance(value, bool) for value in values):
        return all(values)
    if all(isinstance(value, (int, float)) for value in values):
        return min(values)
    return values[0] if all(value == values[0] for value in values) else None


def common_params(entries: Sequence[Entry], kwargs: dict[str, Any]) -> LangSmithParams:
    """The first model's parameters for traces; the provider only if all share it, for middleware acts on that name."""
    model, bound = unwrapped(entries[0].runnable)
    params = _host.ls_params(cast(BaseChatModel, model), {**bound, **kwargs})
    if len({entry.target.provider for entry in entries}) > 1:
        params["ls_provider"] = "failover"
    return params
