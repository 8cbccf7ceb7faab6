"""A wrong setting is named, with what was expected, wherever it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")

from tumen.ais.case import mappings
from tumen.ais.command import events_step
from tumen.ais.settings import EventSettings, SettingsError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gap_h": "six"}, "gap_h: 'six'; expected a number"),
        ({"gap_h": -1}, "gap_h: -1; expected a number of at least 0"),
        ({"gap_h": 0}, "gap_h: 0; expected a number above 0"),
        ({"gap_h": float("nan")}, "gap_h: nan; expected a number"),
        ({"gap_h": True}, "gap_h: True; expected a number"),
        ({"gap_hrs": 6}, "gap_hrs: no such setting; did you mean gap_h?"),
        ({"slot_s": 700}, "slot_s: 700; expected seconds"),
        ({"track_rows": 2.5}, "track_rows: 2.5; expected a whole number"),
        ({"learn_anchorages": "no"}, "learn_anchorages: 'no'; expected true or false"),
        ({"exit_m": 2000}, "exit_m: 2000; expected more than entry_m, 3000.0"),
    ],
)
def test_thresholds(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        EventSettings.of(given)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert EventSettings.of({"slot_s": 300.0, "gap_h": 6}).slot_s == 300


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": {"vessel": "ID"}}, "columns: .* double brackets"),
        (["vessel"], "columns, table 1: 'vessel'; expected a table"),
        ([{"colums": {}}], "columns, table 1: colums: no such setting"),
        ([{}, {"columns": {"boat": "ID"}}], "columns, table 2: columns.boat: no such role"),
        ([{"columns": {"vessel": 1.5}}], "columns.vessel: 1.5; expected a header"),
        ([{"columns": "vessel"}], "columns: 'vessel'; expected a table"),
        ([{"delimiter": ";;"}], "delimiter: ';;'; expected one character"),
        ([{"zone_hours": "UTC"}], "zone_hours: 'UTC'; expected hours"),
        ([{"speed_unit": "mph"}], "speed_unit: 'mph'; expected one of"),
        ([{"skip_lines": -1}], "skip_lines: -1; expected 0 or more"),
    ],
)
def test_columns(given: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        mappings(given)


@pytest.mark.parametrize("text", ["gap_h = 'six'", "gap_h = ", "[[columns]]\nmatch = 3", "columns = 3", "\ufeffx"])
def test_the_command_names_file_and_field(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    archive = tmp_path / "a.csv"
    archive.write_text("mmsi,timestamp,lat,lon\n1,2024-01-01T00:00:00,1,1\n")
    assert events_step([str(archive)], tmp_path / "out", [], file, []) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "rules.toml" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
