"""The ``failover`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec

from failover_plugin.errors import ConfigError

SCENARIO_FILE = """\
A scenario file says who is asked, what befalls them and who asks (times in seconds): {fleet: solo, load: {rate: 10, T:
300}, faults: [{kind: error, t0: 60, t1: 180, match: {name: p1}}]}. Without a fleet it takes the targets of --policy.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 for success, 1 for a failed demo, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
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
    demo.set_defaults(run=_demo)
    told = "what a policy is worth, in virtual time, beside other designs"
    _add_simulate(commands.add_parser("simulate", help=told, description=told.capitalize() + ".", epilog=SCENARIO_FILE))
    told = "what a provider's answer meant: its class, whose fault, what follows, when to come back, and why"
    _add_classify(commands.add_parser("classify", help=told, description=told.capitalize() + "."))
    told = "what real providers answer, as cassettes: healthy, to a wrong key, to a prompt that is too long, and so on"
    _add_record(commands.add_parser("record", help=told, description=told.capitalize() + "."))
    return parser


def _add_record(record: argparse.ArgumentParser) -> None:
    add = record.add_argument
    record.set_defaults(run=_record)
    add("providers", nargs="*", metavar="PROVIDER", help="such as openai (default: all with keys in the environment)")
    add("--into", default="cassettes", metavar="FOLDER", help="where each provider's folder is (default: cassettes)")
    add("--model", default="", metavar="NAME", help="another model than the usual one, if one provider is named")
    add("--window", type=int, metavar="TOKENS", help="how long a prompt it takes, where LiteLLM does not know")


def _add_classify(classify: argparse.ArgumentParser) -> None:
    add = classify.add_argument
    classify.set_defaults(run=_classify)
    add("source", nargs="?", metavar="CASSETTE", help="a VCR cassette: every answer in it; or - for a body from stdin")
    add("--status", metavar="N", help="the answer's HTTP status")
    add("--header", action="append", default=[], metavar="'NAME: VALUE'", help="one of its headers; may be repeated")
    add("--body", metavar="TEXT", help="its body, which may be the text of an event stream")
    add("--body-file", metavar="FILE", help="a file with its body; - for standard input")
    add("--provider", metavar="NAME", help="who answered (default: who is at the address in the cassette)")
    add("--json", action="store_true", help="the same as JSON")


def _add_simulate(simulate: argparse.ArgumentParser) -> None:
    add = simulate.add_argument
    simulate.set_defaults(run=_simulate)
    add("scenarios", nargs="*", metavar="SCENARIO", help="name, number or YAML file (default: all that come with it)")
    add("--policy", metavar="FILE", help="your failover.yaml, or a file with a policy alone")
    add("--seeds", type=int, default=5, metavar="N", help="runs of each scenario and policy (default: 5)")
    add("--policies", type=_names, metavar="A,B", help="only these of the policies compared, such as failover,oracle")
    add("--json", action="store_true", help="the same as JSON, byte for byte the same for the same seeds")
    add("--variants", action="store_true", help="how far behind the oracle on other latencies, rates, seeds and phases")
    add("--processes", type=int, metavar="N", help="run so many at once (default: one for each processor)")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _demo(options: argparse.Namespace) -> int:
    from failover_plugin.demo.main import demo

    plainly: bool = options.plain
    if not plainly and find_spec("rich") is None:
        raise ConfigError('The live table needs rich: pip install "failover-plugin[cli]", or use --plain.')
    return demo(sys.stdout, plainly=plainly or not sys.stdout.isatty())


def _classify(options: argparse.Namespace) -> int:
    from failover_plugin.autopsy.command import run_command

    run_command(
        sys.stdout,
        sys.stdin.buffer,
        options.source,
        status=options.status,
        headers=options.header,
        body=options.body,
        body_file=options.body_file,
        provider=options.provider,
        as_json=options.json,
    )
    return 0


def _record(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from failover_plugin.record.command import run_command

    return run_command(
        sys.stdout,
        options.providers,
        into=options.into,
        model=options.model,
        window=options.window,
        today=datetime.now(UTC).date(),
    )


def _simulate(options: argparse.Namespace) -> int:
    from failover_plugin.simulation.command import run_command
    from failover_plugin.simulation.runner import POLICIES

    run_command(
        sys.stdout,
        sys.stderr,
        options.scenarios,
        policy_file=options.policy,
        seeds=options.seeds,
        policies=options.policies or POLICIES,
        json=options.json,
        variants=options.variants,
        processes=options.processes,
    )
    return 0
