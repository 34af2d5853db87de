"""``failover classify``: from what was typed to the account, and nothing wrong is printed before it is found out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import BinaryIO, TextIO

from failover_plugin.autopsy.account import as_data, as_text, examined
from failover_plugin.autopsy.answer import Answer, read_body, recorded, typed
from failover_plugin.errors import ConfigError


def run_command(
    out: TextIO,
    stdin: BinaryIO,
    source: str | None,
    *,
    status: str | None = None,
    headers: Sequence[str] = (),
    body: str | None = None,
    body_file: str | None = None,
    provider: str | None = None,
    as_json: bool = False,
) -> None:
    """Judge and print. ``source`` is a cassette, or with ``status`` "-" for a body from ``stdin``.

    Raises ``ConfigError``, before anything is printed, for what cannot be read or does not go together.
    """
    if status is None:
        answers = _from_cassette(source, headers or body or body_file, provider)
    else:
        answers = [typed(status, headers, _body(source, body, body_file, stdin), provider=provider)]
    accounts = list(map(examined, answers))
    if as_json:
        out.write(json.dumps(list(map(as_data, accounts)), indent=2) + "\n")
    else:
        out.write("\n\n".join(map(as_text, accounts)) + "\n")


def _from_cassette(source: str | None, parts: object, provider: str | None) -> list[Answer]:
    if source is None or source == "-" or parts:
        raise ConfigError("--status is missing: give it with --header and --body, or give a cassette alone.")
    return recorded(source, provider=provider)


def _body(source: str | None, body: str | None, body_file: str | None, stdin: BinaryIO) -> bytes:
    if source not in {None, "-"}:
        raise ConfigError(f"{source}: give a cassette, or --status with --header and --body, not both.")
    if sum(given is not None for given in (source, body, body_file)) > 1:
        raise ConfigError("--body: give one body: --body, --body-file, or - for standard input.")
    if body is not None:
        return body.encode("utf-8", "surrogateescape")
    path = body_file or source
    return b"" if path is None else read_body(path, stdin)
