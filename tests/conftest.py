"""What all tests share: the public facts beside the repository, the real case, a case to break."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tumen.case import Case

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
