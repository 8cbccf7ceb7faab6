"""The data package is whole, names every file with its hash, and copies nothing that it should not."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from brief_world import World, about
from tumen.brief import BriefError, make_brief, make_package
from tumen.brief.package import _cell
from tumen.store import StepRecord
from tumen.tables import TABLES


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def _case(tmp: Path) -> Path:
    folder = tmp / "case"
    (folder / "scenes").mkdir(parents=True)
    (folder / "case.toml").write_text("[case]\n")
    (folder / "claims.csv").write_text("id\n")
    (folder / "scenes" / "big.tif").write_bytes(b"x")
    (folder / "link.csv").symlink_to("/etc/hostname")
    return folder


def test_the_crate_names_every_file_with_its_hash(world: World, tmp_path: Path) -> None:
    step = StepRecord("k" * 64, "count", "c0de", {"rate": 1}, 7, "2024-09-01", {"looks": "aa"}, {"visits@count": "bb"})
    made = make_package(
        world.tables, replace(about(), folder=_case(tmp_path)), tmp_path, [step], [Path("brief.en.html")]
    )
    crate = json.loads((made / "ro-crate-metadata.json").read_text())
    by_id = {entry["@id"]: entry for entry in crate["@graph"]}
    assert by_id["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    present = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()} - {"ro-crate-metadata.json"}
    assert {part["@id"] for part in by_id["./"]["hasPart"]} == present
    for name in present:
        assert by_id[name]["sha256"] == hashlib.sha256((made / name).read_bytes()).hexdigest()
    assert by_id["#step-kkkkkkkkkkkkkkkk"]["result"] == {"@id": "tables/visits.parquet"}
    # What a validator of RO-Crate 1.1 and Process Run Crate 0.5 requires: every key is a term of the context, every
    # link leads to an entity of the crate or out into the web.
    assert {"sha256": "https://schema.org/sha256"} in crate["@context"]
    assert by_id["./"]["conformsTo"]["@id"] in by_id
    links = re.findall(r'{"@id": "([^"]*)"}', json.dumps(crate["@graph"]))
    assert [link for link in links if link not in by_id and not link.startswith("https://w3id.org/ro/crate/")] == []
    assert "Simulated" in by_id["./"]["description"]
    assert {"case/case.toml", "case/claims.csv"} <= present
    assert not [n for n in present if "link" in n or n.endswith(".tif")]


def test_tables_come_back_as_they_were(world: World, tmp_path: Path) -> None:
    made = make_package(world.tables, about(), tmp_path)
    for name, table in world.tables.items():
        assert pq.read_table(made / "tables" / f"{name}.parquet").equals(table)
    assert not (made / "tables" / "visits.csv").exists()
    assert (made / "tables" / "headline.csv").read_text().startswith("figure,median,low90,high90,unit")


def test_two_commands_stand_in_the_readme(world: World, tmp_path: Path) -> None:
    text = (make_package(world.tables, about(), tmp_path) / "README.md").read_text()
    assert "tumen run case --as-of 2024-09-01" in text
    assert "pip install -r versions.txt" in text
    assert "Simulated data" in text


def test_provenance_is_prov(world: World, tmp_path: Path) -> None:
    prov = pytest.importorskip("prov.model")
    step = StepRecord("k" * 64, "count", "c0de", {}, 7, "2024-09-01", {"looks": "aa"}, {"visits": "bb"})
    made = make_package(world.tables, about(), tmp_path, [step])
    document = prov.ProvDocument.deserialize(content=(made / "prov.json").read_text(), format="json")
    kinds = {record.get_type().localpart for record in document.get_records()}
    assert {"Entity", "Activity", "Usage", "Generation", "Agent"} <= kinds


def test_a_second_package_replaces_the_first(world: World, tmp_path: Path) -> None:
    make_package(world.tables, about(), tmp_path)
    made = make_package({"headline": world.tables["headline"]}, about(), tmp_path)
    assert sorted(p.name for p in (made / "tables").iterdir()) == ["headline.csv", "headline.parquet"]
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x"])
def test_a_cell_that_a_spreadsheet_would_run_is_held(value: str) -> None:
    assert _cell(value) == f"'{value}"
    assert _cell(-1.5) == -1.5


def test_pdf_and_pictures(world: World, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    for lang in ("en", "ko"):
        files = make_brief(world.tables, about(lang), world.evidence, tmp_path, lang, pdf=True, made_by=world.made_by())
        pdf = next(p for p in files if p.suffix == ".pdf")
        data = pdf.read_bytes()
        assert data.startswith(b"%PDF-")
        assert b"TumenSans" in data
        pngs = [p for p in files if p.suffix == ".png"]
        assert len(pngs) == len([p for p in files if p.suffix == ".svg"])
        assert all(p.read_bytes().startswith(b"\x89PNG") for p in pngs)


def test_a_pdf_without_typst_says_what_to_install(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(BriefError, match="tumen\\[pdf\\]"):
        make_brief(world.tables, about(), world.evidence, tmp_path, pdf=True, made_by=world.made_by(), figures=False)


def test_every_library_that_the_program_needs_is_pinned(world: World, tmp_path: Path) -> None:
    made = make_package(world.tables, about(), tmp_path)
    pinned = {line.split("==")[0] for line in (made / "versions.txt").read_text().splitlines() if "==" in line}
    needed = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert {re.split(r"[^\w-]", line)[0].lower() for line in needed} <= pinned


def test_the_program_that_ran_lies_in_the_package(world: World, tmp_path: Path) -> None:
    made = make_package(world.tables, about(), tmp_path)
    wheel = next(made.glob("tumen-*.whl"))
    lines = (made / "versions.txt").read_text().splitlines()
    assert lines[0] == f"./{wheel.name}"
    assert any(line.startswith("numpy==") for line in lines)
    assert not [line for line in lines if "@" in line or "//" in line]  # no address, no path of the machine
    with zipfile.ZipFile(wheel) as found:
        names = found.namelist()
        assert found.testzip() is None
        assert {"tumen/cli.py", "tumen/brief/words.ko.yaml"} <= set(names)
        assert not [n for n in names if "__pycache__" in n]
        info = next(n for n in names if n.endswith(".dist-info/entry_points.txt"))
        assert b"tumen = tumen.cli:" in found.read(info)
    again = make_package(world.tables, about(), tmp_path / "again")
    assert (again / wheel.name).read_bytes() == wheel.read_bytes()


def test_markup_of_typst_in_a_title_is_text(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    nasty = '"]#panic("run")\\ $x$ *bold* @ref <script>alert(1)</script> \u202e'
    made = World()
    rows = made.tables["sources"].to_pylist()
    rows[0] |= {"title": nasty, "publisher": nasty, "why": nasty}
    made.tables["sources"] = TABLES["sources"].build(rows)
    rows = made.tables["claims"].to_pylist()
    rows[0] |= {"label": nasty, "origin_group": nasty}
    made.tables["claims"] = TABLES["claims"].build(rows)
    # Typst would stop at the panic, or at the bracket, if any of it were read as markup.
    files = make_brief(made.tables, about(), made.evidence, tmp_path, pdf=True, made_by=made.made_by())
    assert next(p for p in files if p.suffix == ".pdf").read_bytes().startswith(b"%PDF-")
    for drawing in (p for p in files if p.suffix == ".svg"):
        ElementTree.fromstring(drawing.read_text("utf-8"))
        assert "<script" not in drawing.read_text("utf-8")
