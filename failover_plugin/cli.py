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
    return parser


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
