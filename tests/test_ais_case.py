"""AIS of a case: archives in `ais/` read by what `[ais]` in case.toml says."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("numba")
fsspec = pytest.importorskip("fsspec")

import tumen  # noqa: E402
from tumen.run import RunError  # noqa: E402

START = dt.datetime(2024, 1, 3, tzinfo=dt.UTC)


def case_of(najin_folder: Path, folder: Path, ais: str) -> Path:
    """The real case with a table whose headers nobody knows, of a ship of its roster that lies at Najin for a day."""
    shutil.copytree(najin_folder, folder, ignore=shutil.ignore_patterns(".tumen"))
    rows = []
    for k in range(0, 72 * 60, 10):
        hour = k / 60
        off = max(0.0, 24 - hour, hour - 48) / 24
        at = START + dt.timedelta(minutes=k)
        rows.append(
            f"273413400;{at:%d.%m.%Y %H:%M:%S};{42.25 - 0.9 * off:.5f};{130.2833:.4f};{3.0 if off else 0.0};9179842"
        )
    (folder / "ais").mkdir()
    (folder / "ais" / "log.txt").write_text("BOAT;WHEN;Y;X;V;HULL\n" + "\n".join(rows) + "\n")
    text = re.sub(r"(?ms)^\[ais\].*?(?=^\[)", "", (folder / "case.toml").read_text())
    (folder / "case.toml").write_text(f"{text}\n[ais]\n{ais}")
    return folder


def test_a_mapping_and_a_work_folder_in_case_toml(najin_folder: Path, tmp_path: Path) -> None:
    columns = 'columns = { vessel = "BOAT", time = "WHEN", lat = "Y", lon = "X", sog = "V", imo = "HULL" }\n'
    told = f'published = "2024-02-01"\nwork = "memory://case/work"\n[[ais.columns]]\nmatch = "*.txt"\n{columns}'
    case = case_of(najin_folder, tmp_path / "case", told)
    study = tumen.open(case, store=tmp_path / "store")
    (visit,) = study.table("port_visits").to_pylist()
    assert (visit["place"], visit["vessel_id"], visit["confidence"]) == ("Najin", "273413400", 4)
    assert study.table("drops").num_rows == 0
    (seen,) = [r for r in study.table("sightings").to_pylist() if r["origin"] == "ais"]
    assert seen["vessel"] == "Angara"
    store = fsspec.filesystem("memory")
    assert any(name.endswith(".rows") for name in store.find("/case/work"))
    store.rm("/case", recursive=True)


@pytest.mark.parametrize(
    ("ais", "words"),
    [
        ("", "published: missing"),
        ('published = "soon"\n', "expected a day"),
        ('published = "2024-02-01"\nwork = 5\n', "work: 5, expected a folder or an address"),
        ('published = "2024-02-01"\nwork = "nostore://x"\n', "work: nostore://x"),
        ('published = "2024-02-01"\ngap_hours = 5\n', "gap_hours"),
    ],
)
def test_what_is_wrong_in_case_toml_is_named(najin_folder: Path, tmp_path: Path, ais: str, words: str) -> None:
    study = tumen.open(case_of(najin_folder, tmp_path / "case", ais), store=tmp_path / "store")
    with pytest.raises(RunError, match=words) as caught:
        study.table("port_visits")
    assert "case.toml" in str(caught.value)
