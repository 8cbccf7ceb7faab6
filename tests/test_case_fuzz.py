"""Whatever bytes a file holds, a case loads or names its faults; it never fails in another way."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tumen.case import Case, CaseError
from tumen.case.faults import Faults
from tumen.case.forms import MODELS, model_of
from tumen.case.new import new_case
from tumen.case.read import read_csv, read_features, read_toml, read_yaml
from tumen.case.toml_lines import toml_lines

FILES = ("case.toml", "sources.yaml", "places.geojson", "vessels.csv", "looks.csv", "sightings.csv", "claims.csv")
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NASTY = st.sampled_from(
    ["nan", "inf", "-1", "1e999", "9" * 400, "null", "~", "[]", "{}", "*a", "&a", '"', "'", ",", ";", ":", "#", "\n", "\t",
     "\x0b", "\x1c", "\u2028", "\ud55c", "0x1F", "1_000", "2024-13-45", "2024-02-30", "0000", "٣", "-", "[[", "]]", "=", "{", "}"]
)  # fmt: skip


def loads_or_says_why(folder: Path) -> None:
    faults = []
    try:
        Case.load(folder).tables()
    except CaseError as error:
        faults = error.faults
    assert all(f.line >= 1 and f.field and f.wrong and f.expected for f in faults)


@pytest.mark.parametrize("file", FILES)
def test_any_bytes(tmp_case: Path, file: str) -> None:
    @QUICK
    @given(st.binary(max_size=200))
    @example(b"\xff\xfe")
    @example(b"[" * 5000)
    @example(b"{" * 5000)
    @example(b"- " * 3000)
    @example(b"a: &a [*a]")
    @example(b'{"type": "FeatureCollection", "features": [' + b"[" * 2000 + b"]" * 2000 + b"]}")
    @example(b"x = " + b"[" * 900 + b"]" * 900)
    @example(b"x = " + b"9" * 5000)
    @example(b"sources:\n- &a [*a]\n")
    @example(b"sources:\n- {? [a]: b}\n")
    @example(b"sources: [{a: !!python/object/apply:os.system [ls]}]")
    @example(b"sources:\n- a: 2024-99-99\n  1: !!timestamp x\n")
    def run(data: bytes) -> None:
        (tmp_case / file).write_bytes(data)
        loads_or_says_why(tmp_case)

    run()


@pytest.mark.parametrize("file", FILES)
def test_small_damage(tmp_case: Path, file: str) -> None:
    whole = (tmp_case / file).read_text(encoding="utf-8")

    @QUICK
    @given(st.integers(0, len(whole)), st.integers(0, 12), NASTY)
    def run(place: int, cut: int, put: str) -> None:
        text = whole[:place] + put + whole[place + cut :]
        (tmp_case / file).write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        loads_or_says_why(tmp_case)

    run()


@pytest.mark.parametrize("file", [f for f in FILES if f.endswith(".csv")])
def test_any_cell(tmp_case: Path, file: str) -> None:
    lines = (tmp_case / file).read_text(encoding="utf-8").splitlines()
    header = next(n for n, line in enumerate(lines) if not line.startswith("#"))

    @QUICK
    @given(st.data())
    def run(data: st.DataObject) -> None:
        row = data.draw(st.integers(header + 1, len(lines) - 1))
        cells = lines[row].split(",")
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(NASTY | st.text(max_size=8)).replace("\0", "")
        (tmp_case / file).write_bytes(
            "\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]).encode("utf-8", "replace")
        )
        loads_or_says_why(tmp_case)

    run()


def test_a_billion_laughs_end_at_once(tmp_case: Path) -> None:
    levels = "".join(f"- &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_case / "sources.yaml").write_text(f"a:\n- &x0 [1]\n{levels}sources:\n- id: *x11\n")
    with pytest.raises(CaseError, match="repeated beyond reading"):
        Case.load(tmp_case)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab.=[]{}\"'#\n ,1\\"), max_size=60))
def test_the_scanner_of_toml_lines_always_ends(text: str) -> None:
    assert all(line <= text.count("\n") + 1 for line in toml_lines(text).values())


def test_lines_of_toml_are_right() -> None:
    text = 'a = """\n[not.a.table]\n"""\n[t]\n"x.y" = 1 # [c]\nz = [\n  1, # one\n  { k = 2, l = "]" },\n]\n[[u.v]]\nb.c = 1\n[[u.v]]\n[u.v.w]\nq = \'it\'\n'
    lines = toml_lines(text)
    assert lines["a",] == 1
    assert lines["t", "x.y"] == 5
    assert lines["t", "z", "1", "l"] == 8
    assert lines["u", "v", "0", "b", "c"] == 11
    assert lines["u", "v", "1", "w", "q"] == 14
    assert ("not", "a", "table") not in lines


@pytest.mark.parametrize("file", sorted(MODELS))
def test_every_reader_takes_an_empty_and_a_hostile_file(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    for text in ("", "\n\n", "x", "{}", "[]", "a,b\n1,2\n", '"', "= 1", "- -", "\ufeff"):
        path.write_text(text, encoding="utf-8")
        faults = Faults()
        model = model_of(file)
        if file.endswith(".csv"):
            assert read_csv(path, model, faults) == []
        elif file.endswith(".toml"):
            read_toml(path, model, faults)
        elif file.endswith(".yaml"):
            assert read_yaml(path, model, faults, "sources") == []
        else:
            assert read_features(path, model, faults) == []


def test_the_starter_is_whole() -> None:
    with tempfile.TemporaryDirectory() as aside:
        new_case(Path(aside) / "new")
        shutil.copytree(Path(aside) / "new", Path(aside) / "again")
        assert Case.load(Path(aside) / "again").warnings == ()
