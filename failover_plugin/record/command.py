"""``failover record``: asks real providers what they answer, and files it as cassettes.

For somebody who has keys. Each request costs a few tokens at most; no key is printed or filed, and what could not be
had is told with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from failover_plugin.classify.redact import redact
from failover_plugin.errors import ConfigError
from failover_plugin.record.cassette import Writer
from failover_plugin.record.cleaning import cleaner, tells
from failover_plugin.record.providers import Provider, chosen
from failover_plugin.record.provoking import PROVOCATIONS, Provocation, keywords

SECONDS = 60.0
"""How long one answer may take."""
HEADING = "# Recorded from {provider} on {today}\n"


@dataclass(frozen=True, slots=True)
class _Session:
    """One provider being recorded into a folder of its own."""

    name: str
    provider: Provider
    model: str
    folder: Path
    today: date


def run_command(out: TextIO, names: list[str], *, into: str, model: str = "", today: date) -> int:
    """Record these providers, or all who have their keys in the environment; returns the exit status.

    1 if nothing could be recorded of one of them. ``ConfigError`` for an unknown name, a missing key or package; then
    nobody has been asked.
    """
    _needs("litellm")
    _needs("vcr")
    providers = chosen(names)
    if model and len(providers) != 1:
        raise ConfigError(f"--model = {model!r}: a model is one provider's. Name that provider alone.")
    done = [_record(_Session(name, p, model, Path(into) / name, today), out) for name, p in providers.items()]
    return 0 if all(done) else 1


def _needs(package: str) -> None:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # nobody but the provider is asked
    try:
        import_module(package)
    except ModuleNotFoundError as missing:
        message = f'Recording needs {missing.name}, which is not installed: pip install "failover-plugin[record]"'
        raise ConfigError(message) from missing


def _record(session: _Session, out: TextIO) -> int:
    """How many cassettes came of it."""
    lines = list(_told(session))
    for line in lines:
        out.write(f"{session.name}: {line}\n")
    return sum(".yaml" in line for line in lines)


def _told(session: _Session) -> Iterator[str]:
    for provocation in PROVOCATIONS:
        told = keywords(provocation, session.provider, session.model, _window(session))
        if told is None:
            yield f"{provocation.name} left out: it cannot be provoked here"
        else:
            yield _one(session, provocation, told)


def _one(session: _Session, provocation: Provocation, told: dict[str, Any]) -> str:
    heading = HEADING.format(provider=session.name, today=session.today.isoformat())
    clean = cleaner(session.provider.secrets())
    writer = Writer(heading=heading, stream=provocation.stream, clean=clean, keeps=tells, numbered=True)
    cassette, mode = import_module("vcr.cassette").Cassette, import_module("vcr.record_mode").RecordMode.ALL
    with cassette.use(path=session.folder / f"{provocation.name}.yaml", record_mode=mode, persister=writer):
        error = _ask(told)
    if writer.written:
        return str(writer.written[0])
    return f"{provocation.name} left out: {clean(redact(f'{type(error).__name__}: {error}'))[:200]}"


def _ask(told: dict[str, Any]) -> Exception | None:
    """Hear the answer to its end; in a thread, because LiteLLM leaves a loop open that it makes in a main one."""
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True

    def call() -> None:
        answer = litellm.completion(**told, timeout=SECONDS, num_retries=0, max_retries=0)
        if told["stream"]:
            list(answer)

    with ThreadPoolExecutor(1) as thread:
        return _error_of(thread.submit(call).exception())


def _error_of(error: BaseException | None) -> Exception | None:
    if error is not None and not isinstance(error, Exception):
        raise error
    return error


def _window(session: _Session) -> int | None:
    """How many tokens the model takes, as far as LiteLLM knows."""
    model = session.provider.keywords(session.model)["model"]
    info: dict[str, Any] = import_module("litellm").model_cost.get(model.partition("/")[2]) or {}
    window = info.get("max_input_tokens")
    return window if isinstance(window, int) else None
