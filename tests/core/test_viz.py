"""Plots say what happened: read back from the figure, drawn by the Agg backend."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from io import BytesIO
from math import fsum, inf, nan
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import pytest
from matplotlib import pyplot
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from failover_plugin import ConfigError
from failover_plugin.simulation import cast_of, find_scenario, play
from failover_plugin.simulation.history import History as Run
from failover_plugin.simulation.history import Opening, Plight, Tried
from failover_plugin.viz import (
    BINS,
    COLOURS,
    GREY,
    OTHERS,
    STATES,
    Change,
    History,
    Point,
    compare,
    latency,
    of_run,
    states,
    traffic,
)


def outage() -> History:
    """In 60 s, two requests a second; from 20 to 40 ``a`` fails: asked once more, found dead, and left for ``b``."""
    asked = [(t / 2, "b" if 20.5 <= t / 2 < 40 else "a") for t in range(120)]
    points = [
        Point(t=t, target=target, ok=t != 20.0, ttft=None if t == 20.0 else {"a": 0.5, "b": 0.8}[target])
        for t, target in asked
    ]
    changes = [
        Change(t=20.0, target="a", state="open"),
        Change(t=36.0, target="a", state="half_open"),
        Change(t=40.0, target="a", state="closed"),
    ]
    return History(
        points=points, changes=changes, name="ours", faults=[(20, 40)], targets=["a", "b", "spare"], duration=60
    )


def stubborn() -> History:
    """It asks a dead target first, every time."""
    points = [Point(t=t / 2, target="a", ok=not 20 <= t / 2 < 40, ttft=0.5) for t in range(120)]
    more = [Point(t=p.t + 0.1, target="b", ok=True, ttft=0.8) for p in points if not p.ok]
    return History(points=points + more, name="with_fallbacks", duration=60)


def heaps(figure: Figure, axes: int = 0) -> dict[str, list[float]]:
    """By what a filled step or a line is called: its height over what it stands on, in each bin."""
    found: dict[str, list[float]] = {}
    for step in (p for p in figure.axes[axes].patches if isinstance(p, StepPatch)):
        top, _, floor = step.get_data()
        floors = floor if getattr(floor, "ndim", 0) else [0.0] * len(top)
        found[str(step.get_label())] = [float(high) - float(low) for high, low in zip(top, floors, strict=True)]
    return found


def stretches(figure: Figure, axes: int = 0) -> list[tuple[str, float, float, float]]:
    """State, row, start and end of each bar."""
    bars = [c for c in figure.axes[axes].collections if isinstance(c, PolyCollection)]
    boxes = [(bar.get_label(), path.get_extents()) for bar in bars for path in bar.get_paths()]
    return [(str(state), round(b.y0 + 0.4, 6), round(b.x0, 6), round(b.x1, 6)) for state, b in boxes]


def lines(figure: Figure, axes: int = 0) -> dict[str, list[tuple[float, float]]]:
    found = figure.axes[axes].lines
    return {str(line.get_label()): [(float(x), float(y)) for x, y in line.get_xydata()] for line in found}


def legend(figure: Figure, axes: int = 0) -> list[str]:
    shown = figure.axes[axes].get_legend()
    return [text.get_text() for text in shown.get_texts()] if shown else []


# -- traffic ----------------------------------------------------------------------------------------------------------


def test_traffic_shows_how_often_each_target_was_asked() -> None:
    shown = heaps(traffic(outage()))
    assert shown["a"][:20] == [2.0] * 20
    assert shown["a"][20:40] == [1.0] + [0.0] * 19
    assert shown["b"][20:40] == [1.0] + [2.0] * 19
    assert "spare" not in shown


def test_traffic_piles_targets_up_so_that_the_top_is_all_attempts() -> None:
    figure = traffic(stubborn())
    piles = [p for p in figure.axes[0].patches if isinstance(p, StepPatch) and p.get_label() != "failed"]
    assert [float(v) for v in piles[-1].get_data().values][20:40] == [4.0] * 20


def test_traffic_loses_no_attempt() -> None:
    shown = heaps(traffic(stubborn()))
    width = 60 / BINS
    assert fsum(shown["a"] + shown["b"]) * width == pytest.approx(len(stubborn().points))


def test_traffic_shows_what_failed() -> None:
    assert [i for i, rate in enumerate(heaps(traffic(stubborn()))["failed"]) if rate] == list(range(20, 40))
    assert "failed" not in heaps(traffic(History(points=[Point(t=1.0, target="a", ok=True)])))


def test_the_last_attempt_is_still_on_the_sheet() -> None:
    history = History(points=[Point(t=t, target="a", ok=True) for t in (0.0, 6.0)])
    shown = heaps(traffic(history))["a"]
    assert (shown[0], shown[-1]) == (pytest.approx(10.0), pytest.approx(10.0))


def test_what_happens_after_the_end_is_not_shown() -> None:
    history = History(points=[Point(t=t, target="a", ok=True, ttft=1.0) for t in (-5.0, 1.0, 70.0)], duration=60)
    assert fsum(heaps(traffic(history))["a"]) == 1.0
    assert lines(latency(history))["median"] == [(1.5, 1.0)]
    assert latency(history).axes[0].get_xlim() == (0, 60)


# -- states -----------------------------------------------------------------------------------------------------------


def test_states_shows_each_targets_life_as_a_row() -> None:
    assert stretches(states(outage())) == [
        ("closed", 0, 0, 20),
        ("open", 0, 20, 36),
        ("half_open", 0, 36, 40),
        ("closed", 0, 40, 60),
        ("closed", 1, 0, 60),
        ("closed", 2, 0, 60),
    ]
    axes = states(outage()).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "spare"]
    assert axes.yaxis_inverted()


def test_changes_may_come_in_any_order_and_after_the_end() -> None:
    changes = [Change(t=t, target="a", state=s) for t, s in ((90, "closed"), (30, "half_open"), (10, "open"))]
    assert stretches(states(History(points=[], changes=changes, duration=60))) == [
        ("closed", 0, 0, 10),
        ("open", 0, 10, 30),
        ("half_open", 0, 30, 60),
    ]


def test_each_state_has_its_colour_and_an_unknown_one_is_grey() -> None:
    known = [Change(t=float(i + 1), target="a", state=state) for i, state in enumerate([*STATES, "asleep"])]
    bars = states(History(points=[], changes=known, duration=10)).axes[0].collections
    colours = {bar.get_label(): to_hex(bar.get_facecolor()[0]).upper() for bar in bars}
    assert colours == {**STATES, "asleep": GREY}


def test_a_policy_without_states_says_so_and_one_whose_breakers_never_opened_shows_that() -> None:
    figure = states(stubborn())
    assert stretches(figure) == []
    assert [text.get_text() for text in figure.axes[0].texts] == ["keeps no states"]
    calm = History(points=stubborn().points, changes=[], duration=60)
    assert stretches(states(calm)) == [("closed", 0, 0, 60), ("closed", 1, 0, 60)]


# -- latency ----------------------------------------------------------------------------------------------------------


def test_latency_shows_each_first_content_and_the_median_of_all() -> None:
    shown = lines(latency(outage()))
    assert len(shown["a"]) + len(shown["b"]) == 119
    assert {y for _, y in shown["b"]} == {0.8}
    assert shown["median"][0] == (0.5, 0.5)
    assert dict(shown["median"])[30.5] == 0.8
    assert latency(outage()).axes[0].get_yscale() == "log"


def test_a_median_is_that_of_its_own_bin() -> None:
    points = [Point(t=t, target="a", ok=True, ttft=s) for t, s in ((0.1, 1.0), (0.2, 2.0), (0.3, 9.0), (5.0, 4.0))]
    assert lines(latency(History(points=points, duration=60)))["median"] == [(0.5, 2.0), (5.5, 4.0)]


def test_a_first_content_in_no_time_has_a_place_on_a_logarithmic_scale() -> None:
    history = History(points=[Point(t=1.0, target="a", ok=True, ttft=0.0)])
    assert lines(latency(history))["a"] == [(1.0, 0.001)]


# -- several ----------------------------------------------------------------------------------------------------------


def test_compare_puts_policies_side_by_side_on_the_same_scales() -> None:
    figure = compare([outage(), stubborn()])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["ours", "with_fallbacks"]
    top, states_, below = figure.axes[0:2], figure.axes[2:4], figure.axes[4:6]
    for row in (top, states_, below):
        assert row[0].get_ylim() == row[1].get_ylim()
        assert row[0].get_xlim() == row[1].get_xlim() == (0, 60)
    assert top[0].get_ylim()[0] == 0
    assert top[0].get_ylim()[1] > 4.0
    assert [axes.get_xlabel() for axes in figure.axes] == [""] * 4 + ["seconds"] * 2
    assert heaps(figure, 0) == heaps(traffic(outage()))
    assert stretches(figure, 2) == stretches(states(outage()))
    assert lines(figure, 5) == lines(latency(stubborn()))


def test_compare_shows_the_longest_to_its_end() -> None:
    short = History(points=[Point(t=3.0, target="z", ok=True)], duration=10)
    assert compare([short, outage()]).axes[0].get_xlim() == (0, 60)


def test_a_target_has_one_colour_whoever_asks_it() -> None:
    swapped = History(points=list(reversed(outage().points)), duration=60)
    figure = compare([outage(), swapped])
    colours: dict[str, set[str]] = {}
    for axes in figure.axes[:2]:
        for patch in axes.patches:
            colours.setdefault(str(patch.get_label()), set()).add(to_hex(patch.get_facecolor()).upper())
    assert (colours["a"], colours["b"]) == ({COLOURS[0]}, {COLOURS[1]})


def test_the_legend_names_targets_in_their_order_and_each_once() -> None:
    assert legend(traffic(outage())) == ["a", "b", "failed", "fault"]
    figure = compare([stubborn(), outage()])
    assert legend(figure, 0) == []
    alone = History(points=[Point(t=1.0, target="a", ok=False)], duration=60)
    assert legend(compare([alone, stubborn()]), 1) == ["a", "b", "failed"]
    assert legend(figure, 1) == ["a", "b", "failed", "fault"]
    assert legend(figure, 3) == ["closed", "open", "half_open", "fault"]


def test_faults_are_shaded_up_to_the_end_in_every_panel() -> None:
    history = History(points=outage().points, changes=[], faults=[(20, inf)], duration=60)
    for axes in compare([history]).axes:
        (shade,) = [patch for patch in axes.patches if patch.get_label() == "fault"]
        assert (shade.get_extents().transformed(axes.transData.inverted()).x0) == pytest.approx(20)
        assert (shade.get_extents().transformed(axes.transData.inverted()).x1) == pytest.approx(60)


def test_of_many_targets_the_eventful_are_told_apart() -> None:
    """A dead target is hardly asked: what happened to it counts more than traffic."""
    points = [Point(t=float(n % 60), target=f"t{n % 99}", ok=True) for n in range(990)]
    points += [Point(t=1.0, target="t50", ok=True)] * 5 + [Point(t=1.0, target="t99", ok=False)]
    history = History(points=points, changes=[Change(t=30.0, target="t99", state="open")], duration=60)
    figure = states(history)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        *(f"t{n}" for n in range(8)),
        "t50",
        "t99",
    ]
    shown = heaps(traffic(history))
    assert list(shown) == [*(f"t{n}" for n in range(8)), "t50", "t99", OTHERS, "failed"]
    assert fsum(shown[OTHERS]) == pytest.approx(900)


# -- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [traffic, states, latency, lambda history: compare([history])])
@pytest.mark.parametrize("history", [History(points=[]), History(points=[], changes=[]), outage(), stubborn()])
def test_it_can_be_drawn_and_leaves_nothing_open(draw: Any, history: History) -> None:
    image = BytesIO()
    figure = draw(history)
    figure.savefig(image, format="png")
    assert image.getvalue().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []


def test_the_same_history_gives_the_same_picture() -> None:
    images = [BytesIO(), BytesIO()]
    for image in images:
        compare([outage(), stubborn()]).savefig(image, format="raw")
    assert images[0].getvalue() == images[1].getvalue()


def test_comparing_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"histories = \[\]: give at least one"):
        compare([])


@pytest.mark.parametrize("wrong", [nan, inf])
def test_a_time_that_is_none_is_refused_by_its_place(wrong: float) -> None:
    good = Point(t=0.0, target="a", ok=True)
    with pytest.raises(ConfigError, match=r"History.points\[1\].t = (nan|inf): it should be a time in seconds"):
        History(points=[good, Point(t=wrong, target="a", ok=True)])
    with pytest.raises(ConfigError, match=r"History.changes\[0\].t = (nan|inf)"):
        History(points=[good], changes=[Change(t=wrong, target="a", state="open")])


@pytest.mark.parametrize("wrong", [nan, inf, 0.0, -1.0])
def test_a_duration_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ConfigError, match=r"History.duration = \S+: it should be more than 0 seconds"):
        History(points=[], duration=wrong)


def test_a_history_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        outage().name = "theirs"  # type: ignore[misc]


@pytest.mark.parametrize("draw", [traffic, states, latency, lambda history: compare([history])])
def test_without_the_extra_the_remedy_is_named(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r'^Plots need matplotlib: pip install "failover-plugin\[viz\]".$'):
        draw(outage())


def test_who_draws_nothing_does_not_load_matplotlib() -> None:
    code = "import sys, failover_plugin.viz; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.split())
    assert "failover_plugin.viz" in loaded
    assert not {"matplotlib", "numpy", "failover_plugin.simulation"} & loaded


# -- the simulator's runs ---------------------------------------------------------------------------------------------


def tried(target: str, started: float, *, first: float = inf, error: str | None = None, worker: int = 0) -> Tried:
    return Tried(
        target=target, key=f"key of {target}", worker=worker, started=started, ended=started + 5, ok=error is None,
        sick=False, error=error, first=first,
    )  # fmt: skip


def opening(at: float, lasts: float, target: str = "a", worker: int = 0) -> Opening:
    return Opening(at=at, target=target, worker=worker, lasts=lasts)


def told(history: History) -> list[tuple[float, str, str]]:
    assert history.changes is not None
    return [(change.t, change.target, change.state) for change in history.changes]


def test_a_run_brings_its_attempts_faults_and_targets() -> None:
    book = [tried("b", 3.0, first=3.75), tried("a", 5.0, first=5.5, error="mid"), tried("a", 1.0, error="500")]
    run = Run(duration=300, targets=("a", "b"), tried=book, plights=(Plight(60, inf, frozenset("a")),))
    history = of_run(run, "theirs")
    assert history.points == [
        Point(t=1.0, target="a", ok=False),
        Point(t=3.0, target="b", ok=True, ttft=0.75),
        Point(t=5.0, target="a", ok=False, ttft=0.5),
    ]
    assert (history.name, history.duration, history.faults) == ("theirs", 300, [(60, inf)])
    assert history.targets == ("a", "b")
    assert history.changes is None
    traffic(history)


def test_a_call_that_was_left_for_a_faster_one_is_no_failure() -> None:
    left = tried("a", 1.0)._replace(ok=False, left=True)
    assert of_run(Run(duration=10, targets=("a",), tried=[left])).points == [Point(t=1.0, target="a", ok=True)]


def test_a_runs_opening_is_half_open_after_its_time_and_closed_by_who_delivers() -> None:
    book = [tried("a", 9.0, first=12.1), tried("a", 12.5, first=13.0), tried("b", 12.2, first=12.4)]
    run = Run(duration=60, targets=("a", "b"), tried=book, openings=[opening(10.0, 2.0)])
    assert told(of_run(run)) == [(10.0, "a", "open"), (12.0, "a", "half_open"), (13.0, "a", "closed")]


def test_a_runs_failed_probe_opens_it_again() -> None:
    book = [tried("a", 12.5, error="500"), tried("a", 17.0, first=17.5)]
    run = Run(duration=60, targets=("a",), tried=book, openings=[opening(10.0, 2.0), opening(12.6, 4.0)])
    assert [state for _, _, state in told(of_run(run))] == ["open", "half_open", "open", "half_open", "closed"]


def test_an_opening_that_another_prolongs_does_not_become_half_open_between() -> None:
    run = Run(duration=60, targets=("a",), openings=[opening(10.0, 8.0), opening(12.0, 30.0)])
    assert told(of_run(run)) == [(10.0, "a", "open"), (12.0, "a", "open"), (42.0, "a", "half_open")]


def test_each_worker_has_its_own_view() -> None:
    run = Run(duration=60, workers=2, targets=("a",), openings=[opening(10.0, 2.0), opening(20.0, 2.0, worker=1)])
    run.tried.append(tried("a", 13.0, first=14.0, worker=1))
    assert told(of_run(run)) == [(10.0, "a", "open"), (12.0, "a", "half_open")]
    assert told(of_run(run, worker=1)) == [(20.0, "a", "open"), (22.0, "a", "half_open")]


def test_a_blocked_key_takes_its_targets_out_until_they_deliver() -> None:
    book = [tried("a", 5.0, error="auth"), tried("b", 6.0, first=6.5), tried("a", 70.0, first=70.5)]
    run = Run(duration=90, targets=("a", "b"), tried=book, openings=[], blocked=[(5.1, "key of a")])
    assert told(of_run(run)) == [(5.1, "a", "blocked"), (70.5, "a", "closed")]


def test_the_simulator_is_understood() -> None:
    """Its primary is down from 60 to 180 s, and is tested within its longest opening, 30 s and a fifth, after that."""
    history = of_run(play(find_scenario("outage"), cast_of("failover"), 1000), "ours")
    fate = [(t, state) for t, target, state in told(history) if target == "p1"]
    assert fate[0][1] == "open"
    assert 60 < fate[0][0] < 70
    assert fate[-1][1] == "closed"
    assert 180 < fate[-1][0] < 180 + 36 + 2
    assert history.targets == ("p1", "p2", "q1", "f1")
    assert [state for state, row, *_ in stretches(states(history)) if row == 0][-2:] == ["half_open", "closed"]
