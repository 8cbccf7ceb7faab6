"""What all tests share: the public facts beside the repository, the real case, a case to break."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tumen.case import Case
from tumen.study import Study

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared facts and data beside the repository; a test that needs it skips without it."""
    folder = ROOT / ".." / "shared"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("../shared is absent, and CI=true says that it must be there")
        pytest.skip("needs the facts and data in ../shared")
    return folder


@pytest.fixture(scope="session")
def najin_folder() -> Path:
    """The folder of the real case."""
    return ROOT / "cases" / "najin"


@pytest.fixture(scope="session")
def najin(najin_folder: Path) -> Case:
    """The real case, read and checked."""
    return Case.load(najin_folder)


@pytest.fixture(scope="session")
def chain_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests that run the chain, so that it is computed once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def najin_study(najin_folder: Path, chain_store: Path) -> Study:
    """The real case, computed."""
    import tumen

    made = tumen.open(najin_folder, store=chain_store)
    made.run()
    return made


@pytest.fixture(scope="session")
def najin_pages(najin_study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of the brief of the real case in both languages."""
    from tumen.brief import make_brief

    tables = {name: najin_study.table(name) for name in najin_study.names()}
    made_by = {name: i for name in tables if (i := najin_study.computation_of(name))}
    out, lookup = tmp_path_factory.mktemp("najin-brief"), najin_study.evidence.get
    return {
        lang: make_brief(tables, najin_study.case, lookup, out, lang, made_by=made_by, figures=False)[0]
        for lang in ("en", "ko")
    }


@pytest.fixture(scope="session")
def _starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tumen.case.new import new_case

    folder = tmp_path_factory.mktemp("starter") / "case"
    new_case(folder)
    return folder


@pytest.fixture
def tmp_case(_starter: Path, tmp_path: Path) -> Path:
    """A small whole case in a folder of its own, to break."""
    folder = tmp_path / "case"
    shutil.copytree(_starter, folder)
    return folder
