"""The catalogue is there, complete and sound; and what cannot be meant is refused at once, with field and remedy."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from simulation.staged import scenario

from failover_plugin import ConfigError, Policy, Target
from failover_plugin.simulation.catalogue import find_scenario, load_scenarios, read_scenario
from failover_plugin.simulation.figures import METRICS
from failover_plugin.simulation.fleet import FLEETS, server_of, targets_of
from failover_plugin.simulation.load import most_output, visits
from failover_plugin.simulation.parts import Load
from failover_plugin.simulation.scenario import Scenario
from failover_plugin.simulation.sizes import Size
from failover_plugin.simulation.variants import VARIANTS, shifted

# -- the catalogue ----------------------------------------------------------------------------------------------------


def test_all_twenty_are_there_and_the_further_ones_after_them() -> None:
    numbers = [s.number for s in load_scenarios()]
    assert numbers[:20] == [*map(str, range(1, 7)), "6b", *map(str, range(7, 20))]
    assert numbers[20:] == [f"F{i}" for i in range(1, len(numbers) - 19)]
    assert len({s.name for s in load_scenarios()}) == len(numbers)


@pytest.mark.parametrize("found", load_scenarios(), ids=lambda s: s.name)
def test_each_is_sound(found: Scenario) -> None:
    assert targets_of(found)
    assert isinstance(Policy(**found.policy), Policy)
    assert found.goals
    assert {goal.metric for goal in found.goals} <= set(METRICS)
    assert found.about


def test_they_are_found_by_name_and_number() -> None:
    assert find_scenario("outage") is find_scenario("2")
    assert find_scenario("6B").name == "slow_solo"


def test_the_fleets_are_those_of_the_catalogue() -> None:
    std = {t.id: t for t in FLEETS["std"]}
    assert {t.id: (t.region, t.tier, t.cost, t.context_window) for t in std.values()} == {
        "p1": ("us", 0, 1.0, 16_000),
        "p2": ("eu", 0, 1.0, 16_000),
        "q1": ("us", 0, 1.0, 16_000),
        "f1": ("eu", 1, 1.6, 200_000),
    }
    assert [t.credential for t in FLEETS["keyed"]] == ["k1", "k1", "k2", "k2", "k-f1"]
    assert [(t.id, t.tier, t.cost) for t in FLEETS["solo"]] == [("p1", 0, 1.0), ("f1", 1, 3.0)]
    assert server_of(scenario(cap=30), std["f1"]).model_dump() == {"ttft": 0.8, "tpot": 0.0155, "cap": 30.0}


def test_yaml_takes_on_and_off_for_booleans_and_they_are_meant_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("fleet: std\nfaults: [{kind: 429, on: 5, off: 10}]\n")
    fault = read_scenario(path).faults[0]
    assert (fault.kind, fault.on, fault.off) == ("429", 5.0, 10.0)
    assert read_scenario(path).name == "mine"


def test_variants_change_what_they_say_and_nothing_else() -> None:
    base = find_scenario("outage")
    assert VARIANTS["sigma 0.8"](base, 1).sigma == 0.8
    assert VARIANTS["40/s"](base, 1).load.rate == 40.0
    late = shifted(base, 9001)
    by = late.faults[0].t0 - base.faults[0].t0
    assert 0 < by < 60
    assert late.faults[0].t1 == pytest.approx((base.faults[0].t1 or 0) + by)
    assert pytest.approx(by) == late.load.T - base.load.T
    assert shifted(base, 9001) == late != shifted(base, 9002)


# -- load -------------------------------------------------------------------------------------------------------------


def test_arrivals_come_at_their_rate_and_sizes_at_their_median() -> None:
    load = Load(rate=10, T=300, workers=4)
    found = visits(load, Random(1))
    assert len(found) == pytest.approx(3000, rel=0.05)
    assert all(a.request.arrived < b.request.arrived for a, b in pairwise(found))
    assert median(v.request.prompt for v in found) == pytest.approx(800, rel=0.1)
    assert median(v.request.output for v in found) == pytest.approx(200, rel=0.1)
    assert max(v.request.output for v in found) <= 2500
    assert {v.request.worker for v in found} == {0, 1, 2, 3}
    assert all(v.request.deadline == v.request.arrived + 120.0 for v in found)


def test_some_need_more_and_some_leave() -> None:
    load = Load(needs={"tools": 0.3}, long=(0.1, 30_000), leaving={"t0": 60, "t1": 120, "p": 0.5, "within": 2})
    found = visits(load, Random(1))
    assert sum(v.request.needs == {"tools"} for v in found) == pytest.approx(900, rel=0.1)
    assert sum(v.request.prompt == 30_000 for v in found) == pytest.approx(300, rel=0.2)
    leaving = [v for v in found if v.leaves < v.request.deadline + 1e9]
    assert all(60 <= v.request.arrived < 120 and v.leaves - v.request.arrived <= 2 for v in leaving)
    assert len(leaving) == pytest.approx(300, rel=0.2)


def test_sizes_are_read_as_the_catalogue_writes_them() -> None:
    assert Size.parse("lognormal(200,0.8)<=2500") == Size(200, 0.8, 2500)
    assert Size.parse("lognormal( 800 , 1.0 )") == Size(800, 1.0)
    assert Size.parse(30) == Size(30)
    assert Size.parse("normal(1,2)") is None
    assert most_output(Load()) == 2500
    assert most_output(Load(out=100)) == 100
    assert most_output(Load(out="lognormal(200,0.8)")) is None


# -- bad input --------------------------------------------------------------------------------------------------------

OWN = {"id": "a", "provider": "openai", "model": "m"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"flet": "std"}, r"scenario.flet = 'std': there is no such field. Did you mean 'fleet'"),
        ({"fleet": "big"}, r"scenario.fleet.*'big'.*'std', 'keyed' or 'solo'"),
        ({"fleet": {"count": 10**9}}, r"fleet.*count = 1000000000: it should be less than or equal to 100000"),
        ({"fleet": {"count": 5, "regoins": 2}}, r"regoins.*Did you mean 'regions'"),
        ({"fleet": "std", "targets": [OWN]}, r"fleet and targets are both given: keep one"),
        ({"targets": []}, r"targets = \[\]: there is nobody to ask"),
        ({"targets": [{**OWN, "teir": 1}]}, r"targets.0.teir = 1.*Did you mean 'tier'"),
        ({"fleet": "std", "load": {"rate": nan}}, r"load.rate = nan"),
        ({"fleet": "std", "load": {"rate": 0}}, r"load.rate = 0.*greater than 0"),
        ({"fleet": "std", "load": {"T": -1}}, r"load.T = -1.*greater than 0"),
        ({"fleet": "std", "load": {"rate": 10_000, "T": 86_400}}, r"8.64e\+08 requests: at most 2000000"),
        ({"fleet": "std", "load": {"wokers": 2}}, r"load.wokers = 2.*Did you mean 'workers'"),
        ({"fleet": "std", "load": {"prompt": "uniform(1,2)"}}, r"'uniform\(1,2\)' is no size: write lognormal"),
        ({"fleet": "std", "load": {"out": nan}}, r"load.out"),
        ({"fleet": "std", "faults": [{"kind": "fire"}]}, r"faults.0.kind = 'fire'"),
        ({"fleet": "std", "faults": [{"kind": "error", "t0": -1}]}, r"faults.0.t0 = -1.*greater than or equal to 0"),
        ({"fleet": "std", "faults": [{"kind": "error", "t0": 60, "t1": 50}]}, r"t1 = 50 is not after t0 = 60"),
        ({"fleet": "std", "faults": [{"kind": "error", "t0": 300}]}, r"faults.0.t0 = 300: the run ends at T = 300"),
        ({"fleet": "std", "faults": [{"kind": "error", "t1": nan}]}, r"faults.0.t1 = nan"),
        ({"fleet": "std", "faults": [{"kind": "error", "p": 1.5}]}, r"faults.0.p = 1.5"),
        ({"fleet": "std", "faults": [{"kind": "error", "on": 5}]}, r"on and off belong together"),
        ({"fleet": "std", "faults": [{"kind": "429", "retry_after": [30, 15]}]}, r"give the lower bound first"),
        ({"fleet": "std", "faults": [{"kind": "error", "match": {"nam": "p1"}}]}, r"match.nam.*Did you mean 'name'"),
        ({"fleet": "std", "faults": ["error"]}, r"faults.0 = 'error'"),
        ({"fleet": "std", "goals": [{"metric": "ok"}]}, r"goals: ok: give either max or min"),
        ({"fleet": "std", "goals": [{"metric": "okay", "min": 1}]}, r"goals: metric = 'okay'.*Did you mean 'ok'"),
        ({"fleet": "std", "cap": 0}, r"scenario.cap = 0"),
        ({"fleet": "std", "seed": -1}, r"scenario.seed = -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Scenario(name="x", **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, r"'x' has no targets: name a fleet \(std, keyed, solo\), list targets, or give --policy"),
        (
            {"fleet": "std", "faults": [{"kind": "error", "match": {"name": "p9"}}]},
            r"faults.0.match.*p9.*no target fits",
        ),
        ({"fleet": "std", "faults": [{"kind": "error", "match": {"worker": 1}}]}, r"worker = 1: there are 1 workers"),
        ({"fleet": "std", "servers": {"p9": {}}}, r"servers.p9: there is no such target. Known: f1, p1, p2, q1"),
        ({"targets": [OWN, OWN]}, r"'a' is given twice"),
        ({"fleet": "std", "rotations": [{"t": 5, "key": "k9", "to": "k1"}]}, r"rotations.0.key = 'k9'"),
    ],
)
def test_what_fits_nobody_is_refused_too(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        targets_of(Scenario(name="x", **fields))


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("fleet: std\nlode: {rate: 1}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: scenario\.lode.*Did you mean 'load'"):
        find_scenario(str(path))
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read"):
        find_scenario(str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigError, match=r"'nothing': there is none of that name or number.*Known: steady, outage"):
        find_scenario("nothing")


def test_own_targets_are_those_of_a_configuration() -> None:
    assert targets_of(Scenario(name="x", targets=[OWN])) == (Target("a", provider="openai", model="m"),)
