"""The documentation is under test: its commands work, its links lead somewhere, its generated pages are fresh."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tumen.case import Case
from tumen.cli import app
from tumen.reference import PAGES, commands
from tumen.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PROSE = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")])
MARK = "<!-- checked -->"
# Commands that the tutorial's marked blocks may hold: they take well under a second. The chain itself is tested elsewhere.
CHEAP = {"new", "check", "add", "fmt"}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def command_lines(block: str) -> list[list[str]]:
    """The tumen commands of a block of shell, as words; continued lines are joined, comments dropped."""
    joined = block.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip().startswith("tumen ")]
    return [shlex.split(line, comments=True) for line in lines]


def marked_blocks(page: str) -> list[str]:
    return re.findall(re.escape(MARK) + r"\n```sh\n(.*?)```", page, flags=re.S)


def code_blocks(page: str) -> list[str]:
    """Fenced shell or plain blocks, and indented ones."""
    fenced = re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", page, flags=re.S | re.M)
    indented = re.findall(r"(?:^    .*\n)+", re.sub(r"^```.*?^```", "", page, flags=re.S | re.M), flags=re.M)
    return [*fenced, *indented]


def slug(heading: str) -> str:
    """The anchor that a forge gives a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def test_the_tutorial_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = marked_blocks(text_of(DOCS / "tutorial.md"))
    lines = [words for block in blocks for words in command_lines(block)]
    assert {words[1] for words in lines} == CHEAP
    assert "--yes" not in {words[1] for words in lines}
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for words in lines:
        done = runner.invoke(app, words[1:])
        assert done.exit_code == 0, (shlex.join(words), done.output, done.exception)
    made = Case.load(tmp_path / "my-case")
    assert made.settings.case.simulated
    looks = made.tables()["looks"].to_pylist()
    ours = [look for look in looks if look["look_id"].startswith("port-alpha-2025-06-")]
    told = sorted((look["usable_share"] > 0, look["vessel_present"]) for look in ours if look["usable_share"] > 0)
    assert told == [(True, False), (True, True)]
    assert len(ours) == 3, "the tutorial adds a look with a ship, an empty one and a clouded one"


def test_every_marked_block_is_shell_that_is_run() -> None:
    page = text_of(DOCS / "tutorial.md")
    assert len(marked_blocks(page)) == page.count(MARK)
    for block in marked_blocks(page):
        assert command_lines(block), block


@pytest.mark.parametrize("path", PROSE, ids=lambda p: p.name)
def test_commands_in_the_docs_exist(path: Path) -> None:
    known = dict(commands())
    for block in code_blocks(text_of(path)):
        if path.name == "cli.md":
            continue
        for words in command_lines(block):
            name = " ".join(words[1:3]) if " ".join(words[1:3]) in known else words[1] if len(words) > 1 else ""
            if name.startswith("-"):
                continue
            assert name in known, f"{path.name}: 'tumen {name}' is no command"
            options = {o for p in known[name].params for o in [*p.opts, *p.secondary_opts] if o.startswith("-")}
            for word in words[2:]:
                if re.match(r"--?[a-z]", word) and word not in ("--help", "-h"):
                    assert word.split("=")[0] in options, f"{path.name}: 'tumen {name}' has no option {word}"


@pytest.mark.parametrize("path", PROSE, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    page = re.sub(r"^```.*?^```", "", text_of(path), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{path.name}: {target} does not exist"
        if anchor and found.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", text_of(found), flags=re.M)
            assert anchor in {slug(h) for h in headings}, f"{path.name}: {target} names no heading"


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    assert text_of(DOCS / name) == PAGES[name](), f"docs/{name} is behind: python -m tumen.reference"


def test_every_command_and_table_is_documented() -> None:
    cli, tables = text_of(DOCS / "cli.md"), text_of(DOCS / "tables.md")
    for name, command in commands():
        assert f"\n## `tumen {name}`\n" in cli
        assert command.help, f"tumen {name} says nothing of itself"
        assert all(getattr(p, "help", None) for p in command.params if p.param_type_name == "option"), name
    for name, table in TABLES.items():
        assert f"\n### {name}\n" in tables
        assert table.doc
        assert all(column.doc for column in table.columns), name


def test_every_measurement_has_its_line() -> None:
    page = text_of(DOCS / "bench.md")
    there = {path.name for path in (ROOT / "bench").glob("*.py")}
    assert set(re.findall(r"bench/(\w+\.py)", page)) == there


def test_the_front_page_of_the_docs_names_every_page() -> None:
    page = text_of(DOCS / "index.md")
    for path in DOCS.glob("*.md"):
        assert path.name == "index.md" or f"]({path.name})" in page, f"docs/index.md does not name {path.name}"


def test_the_site_holds_every_page() -> None:
    told = yaml.safe_load(text_of(ROOT / "mkdocs.yml"))
    named = re.findall(r"\w+\.md", str(told["nav"]))
    assert sorted(named) == sorted(path.name for path in DOCS.glob("*.md"))
