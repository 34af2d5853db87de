"""``failover record``: asks real providers what they answer, and files it as cassettes.

For somebody who has keys. Each request costs a few tokens at most; no key is printed or filed, and what could not be
had is told with its reason.
"""

from __future__ import annotations

import os
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
    window: int | None
    folder: Path
    today: date


def run_command(
    out: TextIO, names: list[str], *, into: str, model: str = "", window: int | None = None, today: date
) -> int:
    """Record these providers, or all who have their keys in the environment; returns the exit status.

    ``model`` is another than the provider's usual one, ``window`` how many tokens it takes. The status is 1 if nothing
    could be recorded of one of them. ``ConfigError`` for an unknown name, a missing key or package, or a model or a
    window for several providers; then nobody has been asked.
    """
    _needs("litellm")
    _needs("vcr")
    providers = chosen(names)
    if window is not None and window < 1:
        raise ConfigError(f"--window = {window}: a model takes some tokens. Give a positive number.")
    if len(providers) != 1 and (model or window):
        raise ConfigError(
            f"--model = {model!r}, --window = {window}: they are one provider's. Name that provider alone."
        )
    sessions = [_Session(name, p, model, window, Path(into) / name, today) for name, p in providers.items()]
    done = [_record(session, out) for session in sessions]
    return 0 if all(done) else 1


def _needs(package: str) -> None:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # nobody but the provider is asked
    try:
        import_module(package)
    except ModuleNotFoundError as missing:
        message = f'Recording needs {missing.name}, which is not installed: pip install "failover-plugin[record]"'
        raise ConfigError(message) from missing


def _record(session: _Session, out: TextIO) -> int:
    """How many cassettes came of it; each is told when it is there, and so is what is left out."""
    files = 0
    for provocation in PROVOCATIONS:
        file, why = _one(session, provocation)
        out.write(f"{session.name}: {file or f'{provocation.name} left out: {why}'}\n")
        files += file is not None
    return files


def _one(session: _Session, provocation: Provocation) -> tuple[Path | None, str]:
    """The cassette, or None and why there is none."""
    told = keywords(provocation, session.provider, session.model, _window(session))
    if told is None:
        return None, "there is no key to be wrong, or nobody knows how much is too much (--window)"
    heading = HEADING.format(provider=session.name, today=session.today.isoformat())
    clean = cleaner(session.provider.secrets())
    writer = Writer(
        heading=heading,
        stream=provocation.stream,
        clean=clean,
        keeps=tells,
        accepts=provocation.provokes.__contains__,
        numbered=True,
    )
    cassette, mode = import_module("vcr.cassette").Cassette, import_module("vcr.record_mode").RecordMode.ALL
    with cassette.use(path=session.folder / f"{provocation.name}.yaml", record_mode=mode, persister=writer):
        error = _ask(told)
    if writer.written:
        return writer.written[0], ""
    if error is None:
        return None, "the provider did not mind"
    return None, clean(redact(f"{type(error).__name__}: {error}"))[:200]


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
    """How many tokens the model takes, as one was told or as far as LiteLLM knows."""
    if session.window:
        return session.window
    model = session.provider.keywords(session.model)["model"]
    costs: dict[str, dict[str, Any]] = import_module("litellm").model_cost
    info = costs.get(model) or costs.get(model.partition("/")[2]) or {}
    window = info.get("max_input_tokens")
    return window if isinstance(window, int) else None
