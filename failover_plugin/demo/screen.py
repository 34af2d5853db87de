"""What the demo shows: a live table on a terminal, or plain lines for logs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from failover_plugin.demo.course import Course
from failover_plugin.demo.record import Record

if TYPE_CHECKING:
    from rich.table import Table

Show = Callable[[float], None]


@contextmanager
def plain(course: Course, records: list[Record], out: TextIO) -> Generator[Show]:
    """A line per lane every two seconds."""
    due = 0.0

    def show(passed: float) -> None:
        nonlocal due
        if passed >= due:
            due += 2.0
            out.write(f"{passed:5.1f} s  primary {course.phase(passed)}\n")
            out.writelines(f"         {_line(record)}\n" for record in records)
            out.flush()

    yield show


@contextmanager
def live(course: Course, records: list[Record], out: TextIO) -> Generator[Show]:
    """A table that changes in place. Needs the extra ``cli``."""
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=out), auto_refresh=False) as screen:
        yield lambda passed: screen.update(_table(course, records, passed), refresh=True)


def summary(records: list[Record]) -> list[str]:
    """What it all came to, a line per lane, aligned."""
    head = ("", "served", "attempts on the dead primary", "p50", "p95", "primary used again after")
    rows = [head, *(_summed(record) for record in records)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _summed(record: Record) -> tuple[str, ...]:
    back = record.back_after
    return (
        record.track.label,
        f"{len(record.answers)} of {record.asked}",
        str(record.dead_attempts),
        f"{record.latency(50) * 1000:.0f} ms",
        f"{record.latency(95) * 1000:.0f} ms",
        "never" if back is None else f"{back:.1f} s",
    )


def _line(record: Record) -> str:
    states = record.state.replace("\n", ", ")
    served = f"{len(record.answers)}/{record.asked}"
    return f"{record.track.label:40} served {served:7} dead attempts {record.dead_attempts:3}  {states}"


def _table(course: Course, records: list[Record], passed: float) -> Table:
    from rich.table import Table

    phase = course.phase(passed)
    colour = "red" if phase == "DEAD" else "green"
    table = Table(title=f"{passed:4.1f} s   primary: [{colour}]{phase}[/]", show_lines=True, expand=True)
    widths = {"stack": 16, "served": 6, "asked the dead": 9, "answered by": 12, "targets": None, "last trail": None}
    for heading, width in widths.items():
        table.add_column(heading, width=width, min_width=24 if heading == "last trail" else None)
    for r in records:
        counts = (f"{len(r.answers)}/{r.asked}", str(r.dead_attempts))
        table.add_row(r.track.label, *counts, r.last_answer, r.state, r.last_trail)
    return table
