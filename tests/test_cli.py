"""The command line: help that teaches, one clear message a fault, the documented exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tumen import __version__
from tumen.cli import app

ROOT = Path(__file__).resolve().parents[1]
NAJIN = ROOT / "cases" / "najin"
runner = CliRunner()


def tumen(*words: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tumen.cli", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)


def test_every_command_explains_itself() -> None:
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    assert {"new", "check", "run", "show", "why", "brief", "serve", "watch", "events", "add", "fmt"} <= set(names)
    for name in names:
        done = runner.invoke(app, [name, "--help"])
        assert done.exit_code == 0
        assert len(done.output.splitlines()) > 5


def test_add_names_every_kind_of_row() -> None:
    from tumen.case.add import KINDS

    said = runner.invoke(app, ["add", "--help"]).output
    assert all(kind in said for kind in KINDS)


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == f"tumen {__version__}"


def test_a_clean_case_says_what_it_holds() -> None:
    done = tumen("check", NAJIN)
    assert done.returncode == 0
    assert "looks" in done.stdout
    assert "claims" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["check", "no-such-folder"], 1, "no-such-folder"),
        (["show", str(NAJIN), "no-such-table"], 2, "no table"),
        (["run", str(NAJIN), "--as-of", "yesterday"], 2, "YYYY-MM-DD"),
        (["run", str(NAJIN), "--as-of", "2020-01-01"], 1, "2023-08-01 (period_start) or a later day"),
        (["scenes", str(NAJIN), "--from", "2024-02-01", "--to", "2024-01-01"], 2, "lies before"),
        (["fmt", "no-such-folder"], 1, "not a folder"),
        (["frobnicate"], 2, "frobnicate"),
        (["new", str(ROOT)], 1, ""),
        (["serve", str(NAJIN), "--host", "0.0.0.0"], 2, "--shared"),
        (["serve", str(NAJIN), "--host", "0.0.0.0", "--shared"], 2, "--certificate"),
        (["serve", str(NAJIN), "--behind-proxy"], 2, "--shared"),
    ],
)
def test_wrong_use_and_faults_have_their_codes(words: list[str], code: int, says: str) -> None:
    done = tumen(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_every_fault_of_a_case_is_told_at_once(tmp_path: Path) -> None:
    case = tmp_path / "case"
    assert tumen("new", case).returncode == 0
    assert tumen("check", case).returncode == 0
    with open(case / "looks.csv", "a", encoding="utf-8") as file:
        file.write("x,y\n")
    (case / "sources.yaml").write_text("sources: 5\n", encoding="utf-8")
    done = tumen("check", case)
    assert done.returncode == 1
    assert "looks.csv:" in done.stderr
    assert "sources.yaml:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_ends_with_its_code_and_all_its_words() -> None:
    # Through a pipe, as an analyst's script reads it.
    run = [sys.executable, "-c", "from tumen.cli import entry; entry()"]
    good = subprocess.run([*run, "--version"], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("tumen ")
    bad = subprocess.run([*run, "check", "no-such-case"], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "not a folder" in bad.stderr
    assert subprocess.run([*run, "no-such-word"], capture_output=True, check=False).returncode == 2


def test_a_command_told_to_end_takes_its_temporary_folder_with_it() -> None:
    code = (
        "import tempfile, time, tumen.cli as c\n"
        "def app(**_):\n"
        "    with tempfile.TemporaryDirectory() as aside:\n"
        "        print(aside, flush=True)\n"
        "        time.sleep(60)\n"
        "c.app = app\n"
        "c.entry()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    aside = Path(process.stdout.readline().strip())
    assert aside.is_dir()
    process.terminate()
    assert process.wait(30) == 143
    assert not aside.exists()


def test_check_names_boxes_that_no_hull_holds(tmp_path):
    case = tmp_path / "case"
    assert tumen("new", case).returncode == 0
    with (case / "looks.csv").open("a", encoding="utf-8") as looks:
        looks.write(
            "full,2025-05-10,,10:00,Port Alpha,,Planet,DESK,,series,yes,1,exactly,Invented Star,named,115,loaded,,,9000,"
            "yes,invented-survey,\n"
        )
    done = tumen("check", case)
    assert done.returncode == 1
    assert "look full puts 9,000 containers on 'Invented Star', which holds at most 700" in done.stderr


def test_a_count_that_fails_its_gate_says_so_in_the_headline_and_in_the_brief(tmp_path):
    case = tmp_path / "case"
    assert tumen("new", case).returncode == 0
    with (case / "case.toml").open("a", encoding="utf-8") as settings:
        settings.write(
            "\n[traffic]\nparticles = 500\nparameter_points = 16\nmax_rounds = 1\nmin_effective_points = 5000\n"
        )
    done = tumen("run", case)
    assert done.returncode == 0
    assert "check failed effective parameter points, Port Alpha" in done.stdout
    page = (case / ".tumen" / "brief" / "brief.en.html").read_text(encoding="utf-8")
    assert "did not pass: Points behind the parameters, Port Alpha" in " ".join(re.sub("<[^>]+>", " ", page).split())
