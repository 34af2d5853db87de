"""What a policy did, in pictures for a notebook: who was asked, in which state everybody was, how fast answers began.

Plots are made of a ``History`` and of nothing else, so whoever can write one can have it drawn; ``of_run`` makes one of
a run of the simulator. Matplotlib is imported when something is drawn. Needs the extra ``viz``.

Colours are told apart by colour-blind readers too (Okabe and Ito, "Color Universal Design", 2008).
"""

# Matplotlib's types leave the keyword arguments of its drawing functions open:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite
from statistics import median
from typing import TYPE_CHECKING

from failover_plugin.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from failover_plugin.simulation.history import History as Run

BINS = 60
"""Parts into which a history is divided, to count what happened in each."""
SHORTEST = 0.001
"""Seconds; a first content that came sooner is drawn as this, since the scale is logarithmic."""
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#882255", "#44AA99", "#332288",
)  # fmt: skip
"""Of as many targets as can be told apart; of more, the most eventful have them."""
STATES = {"closed": "#BFE3D8", "half_open": "#E69F00", "open": "#D55E00", "blocked": "#882255"}
"""The states of a target, each with its colour; any other is grey."""
GREY = "#999999"
OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One attempt. In seconds: ``t`` when it started, ``ttft`` how long its first content took, None if none came."""

    t: float
    target: str
    ok: bool
    ttft: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``t`` (seconds) on, the target was in that state. Before its first change it was closed."""

    t: float
    target: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened from 0 to ``duration``, in seconds; None: to the last thing that happened.

    ``changes`` are None for a policy that has no states. ``faults`` are the times, from and to, in which something was
    wrong. ``targets`` gives the order to show them in, else it is that of their appearance. Raises ``ConfigError`` for
    times that are none.
    """

    points: Sequence[Point]
    changes: Sequence[Change] | None = None
    name: str = ""
    faults: Sequence[tuple[float, float]] = ()
    targets: Sequence[str] = ()
    duration: float | None = None

    def __post_init__(self) -> None:
        _check("points", [point.t for point in self.points])
        _check("changes", [change.t for change in self.changes or ()])
        if self.duration is not None and not 0 < self.duration < inf:
            raise ConfigError(f"History.duration = {self.duration}: it should be more than 0 seconds.")

    @property
    def end(self) -> float:
        """When it is over, in seconds."""
        return self.duration or max([SHORTEST, *(p.t for p in self.points), *(c.t for c in self.changes or ())])


def _check(where: str, times: Sequence[float]) -> None:
    for number, time in enumerate(times):
        if not isfinite(time):
            raise ConfigError(f"History.{where}[{number}].t = {time}: it should be a time in seconds.")


def of_run(run: Run, name: str = "", *, worker: int = 0) -> History:
    """A run of the simulator. Of several workers, each of which has its own view, states are those of ``worker``."""
    points = [
        Point(
            t=tried.started,
            target=tried.target,
            ok=tried.error is None,
            ttft=tried.first - tried.started if tried.first < inf else None,
        )
        for tried in run.tried
    ]
    return History(
        points=sorted(points, key=lambda point: point.t),
        changes=None if run.openings is None else sorted(_changes(run, worker), key=lambda change: change.t),
        name=name,
        faults=[(plight.start, plight.end) for plight in run.plights],
        targets=run.targets,
        duration=run.duration,
    )


def traffic(history: History) -> Figure:
    """Attempts per second, piled up by target, and a line for those that failed. ``ConfigError`` without the extra."""
    return _draw([history], [_Sheet.traffic])


def states(history: History) -> Figure:
    """The state of each target over time. ``ConfigError`` without the extra."""
    return _draw([history], [_Sheet.states])


def latency(history: History) -> Figure:
    """Time to the first content of each attempt, and the median of all. ``ConfigError`` without the extra."""
    return _draw([history], [_Sheet.latency])


def compare(histories: Sequence[History]) -> Figure:
    """All three of each history, side by side on the same scales. ``ConfigError`` for none, or without the extra."""
    if not histories:
        raise ConfigError("histories = []: give at least one History.")
    return _draw(histories, [_Sheet.traffic, _Sheet.states, _Sheet.latency])


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What all panels of a figure have in common: the time they span, and the colours of the targets told apart."""

    end: float
    colours: dict[str, str]

    def traffic(self, axes: Axes, history: History) -> None:
        edges = [self.end * i / BINS for i in range(BINS + 1)]
        floor = [0.0] * BINS
        for target, points in self._by_target(history.points).items():
            top = [low + rate for low, rate in zip(floor, self._rates(points), strict=True)]
            axes.stairs(top, edges, baseline=floor, fill=True, color=self._colour(target), label=target)
            floor = top
        if failed := [point for point in history.points if not point.ok]:
            axes.stairs(self._rates(failed), edges, color="black", label="failed")
        axes.margins(y=0.1)
        axes.set_ylabel("attempts/s")

    def states(self, axes: Axes, history: History) -> None:
        if history.changes is None:
            axes.text(0.5, 0.5, "keeps no states", transform=axes.transAxes, ha="center", va="center")
        else:
            for row, target in enumerate(self.colours):
                for state, start, length in _spans([c for c in history.changes if c.target == target], self.end):
                    colour = STATES.get(state, GREY)
                    axes.broken_barh([(start, length)], (row - 0.4, 0.8), facecolors=colour, label=state)
        axes.set_yticks(range(len(self.colours)), list(self.colours))
        axes.set_ylim(max(len(self.colours), 1) - 0.5, -0.5)

    def latency(self, axes: Axes, history: History) -> None:
        from matplotlib.ticker import LogLocator

        begun = [point for point in history.points if point.ttft is not None]
        for target, points in self._by_target(begun).items():
            x, y = [p.t for p in points], [_drawn(p) for p in points]
            axes.plot(x, y, ".", markersize=3, alpha=0.4, color=self._colour(target), label=target, rasterized=True)
        bins = self._binned(begun)
        middles = [(self.end * (i + 0.5) / BINS, median(map(_drawn, points))) for i, points in bins.items()]
        axes.plot([x for x, _ in middles], [y for _, y in middles], color="black", linewidth=1, label="median")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_ylabel("first content, s")

    def frame(self, axes: Axes, history: History) -> None:
        for start, end in history.faults:
            axes.axvspan(start, min(end, self.end), color=GREY, alpha=0.3, linewidth=0, zorder=0, label="fault")
        axes.set_xlim(0, self.end)

    def _colour(self, target: str) -> str:
        return self.colours.get(target, GREY)

    def _by_target(self, points: Iterable[Point]) -> dict[str, list[Point]]:
        """Those told apart in their order, then the others."""
        found: dict[str, list[Point]] = {target: [] for target in (*self.colours, OTHERS)}
        for point in points:
            found[point.target if point.target in self.colours else OTHERS].append(point)
        return {target: points for target, points in found.items() if points}

    def _binned(self, points: Iterable[Point]) -> dict[int, list[Point]]:
        """What happened before the start or after the end is not shown."""
        bins: dict[int, list[Point]] = {}
        for point in points:
            if 0 <= point.t <= self.end:
                bins.setdefault(min(int(point.t / self.end * BINS), BINS - 1), []).append(point)
        return dict(sorted(bins.items()))

    def _rates(self, points: Iterable[Point]) -> list[float]:
        bins, width = self._binned(points), self.end / BINS
        return [len(bins.get(i, ())) / width for i in range(BINS)]


def _draw(histories: Sequence[History], panels: Sequence[Callable[[_Sheet, Axes, History], None]]) -> Figure:
    """One column for each history, one row for each panel. A notebook shows the figure as its cell's value, once."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ConfigError('Plots need matplotlib: pip install "failover-plugin[viz]".') from None
    sheet = _Sheet(max(history.end for history in histories), _colours(histories))
    size = (2.0 + 6.0 * len(histories), 0.5 + 2.5 * len(panels))
    figure, grid = pyplot.subplots(
        len(panels), len(histories), squeeze=False, sharex=True, sharey="row", figsize=size, layout="constrained"
    )
    pyplot.close(figure)
    for row, panel in zip(grid, panels, strict=True):
        for axes, history in zip(row, histories, strict=True):
            panel(sheet, axes, history)
            sheet.frame(axes, history)
        _legend(row, sheet.colours)
    for top, bottom, history in zip(grid[0], grid[-1], histories, strict=True):
        top.set_title(history.name)
        bottom.set_xlabel("seconds")
    return figure


def _colours(histories: Sequence[History]) -> dict[str, str]:
    """For all targets, in their order, or for those of which there is most to tell."""
    changes = [change.target for history in histories for change in history.changes or ()]
    asked = [point.target for history in histories for point in history.points]
    known = dict.fromkeys([*(target for history in histories for target in history.targets), *asked, *changes])
    changed, called = Counter(changes), Counter(asked)
    eventful = sorted(known, key=lambda target: (-changed[target], -called[target]))[: len(COLOURS)]
    return dict(zip((target for target in known if target in eventful), COLOURS, strict=False))


def _legend(row: Sequence[Axes], colours: Iterable[str]) -> None:
    """One for all panels of a row, at its right: the targets in their order, then the rest."""
    found = [axes.get_legend_handles_labels() for axes in row]
    unique = {label: handle for handles, labels in found for handle, label in zip(handles, labels, strict=True)}
    labels = [label for label in dict.fromkeys([*colours, OTHERS, *unique]) if label in unique]
    handles = [unique[label] for label in labels]
    row[-1].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, markerscale=3)


def _drawn(point: Point) -> float:
    return max(point.ttft or 0.0, SHORTEST)


def _spans(changes: Iterable[Change], end: float) -> Iterator[tuple[str, float, float]]:
    """State, start and length of each stretch."""
    moments = [(0.0, "closed"), *((min(c.t, end), c.state) for c in sorted(changes, key=lambda c: c.t)), (end, "")]
    for (start, state), (stop, _) in pairwise(moments):
        if stop > start:
            yield state, start, stop - start


def _changes(run: Run, worker: int) -> Iterator[Change]:
    """The simulator notes openings and blocked keys; what follows from them is seen in the attempts.

    An opening that has lasted its time is half open, until the first attempt that starts then delivers. How long a key
    stays blocked is not noted: until it delivers.
    """
    keys = {tried.target: tried.key for tried in run.tried}
    for target in run.targets:
        mine = [o for o in run.openings or () if o.target == target and o.worker == worker]
        opened = [(o.at, o.at + o.lasts, "open") for o in mine]
        blocked = [(at, at, "blocked") for at, key in run.blocked if key == keys.get(target)]
        if not opened and not blocked:
            continue
        delivered = [t for t in run.tried if t.target == target and t.worker == worker and t.first < inf]
        for (at, due, state), (following, *_) in pairwise([*sorted(opened + blocked), (inf, inf, "")]):
            yield Change(t=at, target=target, state=state)
            if at < due < following:
                yield Change(t=due, target=target, state="half_open")
            back = min((t.first for t in delivered if t.started >= due), default=inf)
            if back < following:
                yield Change(t=back, target=target, state="closed")
