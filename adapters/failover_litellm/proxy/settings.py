"""What stands under ``litellm_settings.failover`` in the proxy's config.yaml, as a ``Policy``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failover_litellm.host import mapping
from failover_plugin import ConfigError, Policy

_WHERE = "litellm_settings.failover"
_REMEDY = "Give the fields of a policy, or {file: failover.yaml}, or leave it out for the default policy."


def policy_in(settings: Mapping[str, Any], folder: Path) -> Policy:
    """The policy that these ``litellm_settings`` name, the default one if none. A file's path is relative to the
    ``folder`` of config.yaml. Raises ``ConfigError`` that names field, value and remedy.
    """
    given = settings.get("failover")
    if given is None:
        return Policy()
    if not isinstance(given, Mapping):
        raise ConfigError(f"{_WHERE} is a {type(given).__name__}. {_REMEDY}")
    facts = dict(mapping(given))
    try:
        if "file" not in facts:
            return Policy(**facts)
        if len(facts) > 1 or not isinstance(facts["file"], str):
            raise ConfigError(f"file stands beside {', '.join(sorted(set(facts) - {'file'})) or 'no path'}. {_REMEDY}")
        return Policy.from_file(folder / facts["file"])
    except ConfigError as error:
        raise ConfigError(f"{_WHERE}: {error}") from None
