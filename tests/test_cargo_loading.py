"""loading.toml: what it refuses, with the line; every prior has a source or says that it is an assumption."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cargo_case import NAJIN, najin_loading, prior
from tumen.case.faults import Faults
from tumen.case.loading import Z95, check_loading, read_loading

TEXT = (NAJIN / "loading.toml").read_text()


def faults_of(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "loading.toml").write_text(text)
    faults = Faults()
    read_loading(tmp_path, faults)
    return [str(f) for f in faults.items]


def swap(table: str, key: str, value: str) -> tuple[str, int]:
    """TEXT with one key of one table changed, and the line of that key."""
    start = TEXT.index(f"[{table}]\n")
    found = re.compile(rf"^{key} = .*$", re.M).search(TEXT, start)
    assert found is not None
    text = TEXT[: found.start()] + f"{key} = {value}" + TEXT[found.end() :]
    return text, TEXT[: TEXT.index(f"[{table}]")].count("\n") + 1


@pytest.mark.parametrize(
    ("table", "key", "value", "words"),
    [
        ("box.payload_kg", "unit", '"t"', "expected 'kg'"),
        ("box.arms_sea", "high", "85", "not percent"),
        ("box.arms_sea", "high", "1.2", "share between 0 and 1"),
        ("load.boxes_per_voyage", "low", "-5", "number above 0"),
        ("load.boxes_per_voyage", "low", "500", "is above high"),
        ("load.boxes_per_voyage", "median", "5", "lies outside"),
        ("load.boxes_per_voyage", "median", "nan", "finite number"),
        ("load.boxes_per_voyage", "source", "[]", "no source"),
        ("load.boxes_per_voyage", "reason", '""', "is empty"),
        ("munition.rounds_152.volume_m3", "high", "75", "litres are not m3"),
        ("rail.growth", "unit", '"boxes/month"', "factor/year"),
        ("claims.origin", "OSC", '"oracle"', "kind 'oracle'"),
        ("claims.kind.think_tank", "origin_factor", "0.5", "too small"),
    ],
)
def test_mistakes_are_refused_with_their_line(tmp_path, table, key, value, words):
    text, line = swap(table, key, value)
    found = faults_of(tmp_path, text)
    assert any(words in f for f in found), found
    numbers = [int(f.split(":")[1]) for f in found]
    # The fault stands in the table, not at the top of the file.
    assert any(abs(n - line) <= 12 or table.startswith("claims") for n in numbers)
    assert all(f.startswith("loading.toml:") for f in found)


def test_a_payload_in_tonnes_is_recognised(tmp_path):
    text = (
        TEXT.replace("median = 21500", "median = 21.5")
        .replace("low = 15000", "low = 15")
        .replace("high = 27500", "high = 27.5")
    )
    assert any("payload of 28.2 is in tonnes" in f for f in faults_of(tmp_path, text))


def test_an_unknown_field_is_refused(tmp_path):
    text = TEXT.replace("[box]\n", "[box]\ntare_t = 2.25\n")
    assert any("tare_t" in f and "unknown field" in f for f in faults_of(tmp_path, text))


def test_rounds_without_volume_are_refused(tmp_path):
    start = TEXT.index("[munition.rounds_152.volume_m3]")
    end = TEXT.index("[munition.rounds_122]")
    assert any("volume_m3 is missing" in f for f in faults_of(tmp_path, TEXT[:start] + TEXT[end:]))


def test_a_munition_may_not_take_the_name_of_a_total(tmp_path):
    found = faults_of(tmp_path, TEXT.replace("munition.mortar_120", "munition.tonnes"))
    assert any("this one is a total" in f for f in found)


def test_the_real_file_has_no_fault_and_no_unknown_source(najin):
    faults = Faults()
    check_loading(najin_loading(), {s.id for s in najin.sources}, faults)
    assert not faults.items


def test_an_unknown_source_is_named_with_its_line(tmp_path):
    text, line = swap("box.arms_sea", "source", '["nobody-2024"]')
    (tmp_path / "loading.toml").write_text(text)
    faults = Faults()
    loading = read_loading(tmp_path, faults)
    faults.stop()
    check_loading(loading, {s for _, p in najin_loading().priors() for s in p.source}, faults)
    mine = [f for f in faults.items if "nobody-2024" in f.wrong]
    assert len(mine) == 1
    assert mine[0].line == line
    assert mine[0].field == "box.arms_sea.source"


def test_every_prior_has_a_source_and_a_reason():
    for name, made in najin_loading().priors():
        assert made.source, name
        assert len(made.reason) >= 8, name


@pytest.mark.parametrize(("unit", "low", "median", "high"), [("factor", 0.5, 1.0, 4.0), ("share", 0.1, 0.6, 0.7)])
def test_a_prior_has_the_quantiles_that_are_written(unit, low, median, high):
    values = prior(median, unit, low, high).value(np.random.default_rng(0).standard_normal(200_000))
    assert np.quantile(values, [0.05, 0.5, 0.95]) == pytest.approx([low, median, high], rel=0.02)
    exact = prior(median, unit, low, high).value(np.array([-Z95, 0, Z95]))
    assert exact == pytest.approx([low, median, high])
