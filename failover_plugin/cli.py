"""The ``failover`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec

from failover_plugin.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 for success, 1 for a failed demo, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    try:
        return _demo(plainly=options.plain)
    except ConfigError as error:
        sys.stderr.write(f"failover: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="failover", description="Failover for LLM applications.")
    parser.add_argument("--version", action="version", version=f"failover-plugin {version('failover-plugin')}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="a primary dies and comes back, seen through four stacks (about 30 s)")
    demo.add_argument("--plain", action="store_true", help="plain lines instead of a live table, for logs and CI")
    return parser


def _demo(*, plainly: bool) -> int:
    from failover_plugin.demo.main import demo

    if not plainly and find_spec("rich") is None:
        raise ConfigError('The live table needs rich: pip install "failover-plugin[cli]", or use --plain.')
    return demo(sys.stdout, plainly=plainly or not sys.stdout.isatty())
