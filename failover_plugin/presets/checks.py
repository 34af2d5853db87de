"""Arguments of presets, checked under the names that their callers know. Each error is a ``ConfigError``."""

from __future__ import annotations

from math import inf
from urllib.parse import SplitResult, urlsplit

from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError


def whole(name: str, value: int, least: int = 1) -> int:
    """The value, if it is a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:  # pyright: ignore[reportUnnecessaryIsInstance] - whatever a caller without a type checker gives
        raise ConfigError(f"{name} = {value!r}: it should be a whole number, {least} or more.")
    return value


def seconds(name: str, value: float) -> float:
    """The value, if it is a time."""
    if not 0 < value < inf:
        raise ConfigError(f"{name} = {value!r}: it should be a number of seconds greater than 0.")
    return float(value)


def http_url(name: str, url: str) -> str:
    """A base URL without what may be a secret in it: user info and query."""
    shown, parts = redact(repr(url))[:80], _parts(url)
    if parts is None or not parts.scheme or not parts.netloc:
        raise ConfigError(f"{name} = {shown}: is not a URL: give one like 'https://api.example/v1'.")
    if parts.scheme not in ("http", "https"):
        raise ConfigError(f"{name} = {shown}: its scheme is neither http nor https: give a base URL.")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parts(url: str) -> SplitResult | None:
    """None for what nobody can call: white space, a host that is none, a port that is no number."""
    try:
        parts = urlsplit(url)
        callable_ = url == "".join(url.split()) and (not parts.netloc or parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if callable_ else None
