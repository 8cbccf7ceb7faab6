"""How far the count of a case moves with its seed alone.

    python bench/traffic_seeds.py --case cases/najin --seeds 12

Everything stays as the case says but the seed: first its own, then the ones after it, each in a copy of the folder with
an empty store. Printed for each, as median and 90 % interval over the case's period: the visits at the ports of loading as
the count draws them, the same visits after weighing has chosen among the draws by what was published of the cargo (as
the headline tells them), and the rounds in millions; beside them the distinct histories that survive the published
totals and the checks of the count that fail. The last lines are the middle, the ends and the standard deviation of each
column over the seeds: the error of drawing, not that of the model.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import tumen
from tumen.draws import summary
from tumen.study import Study

KINDS = {"visits counted": 1, "visits weighed": 1, "rounds, million": 2}  # digits to print


def total(study: Study, table: str, values: tuple[str, ...], column: str, names: list[str]) -> np.ndarray:
    """Sum of `values` in each draw over the rows whose `column` is among `names`."""
    made = study.table(table)
    at = made.filter(pc.is_in(made.column(column).cast(pa.string()), pa.array(names, pa.string())))
    amounts = sum(at.column(v).to_numpy().astype(float) for v in values)
    return np.bincount(at.column("draw").to_numpy(), weights=amounts)


def counted(folder: Path) -> tuple[list[float], int, list[str]]:
    """Median and both ends of each of `KINDS`; distinct histories at the port with fewest; names of failed checks."""
    study = tumen.open(folder)
    places = study.case.tables()["places"].to_pylist()
    ports = [p["place"] for p in places if p["role"] == "origin" and p["kind"] == "port"]
    drawn = (
        total(study, "visits@count", ("seen", "unseen"), "place", ports),
        total(study, "visits", ("seen", "unseen"), "place", ports),
        total(study, "cargo", ("quantity",), "commodity", ["rounds"]) / 1e6,
    )
    checks = study.table("diagnostics@count").to_pylist()
    left = min(int(r["value"]) for r in checks if r["name"].startswith("distinct paths"))
    return [v for one in drawn for v in summary(one)], left, [r["name"] for r in checks if not r["passed"]]


def with_seed(case: Path, seed: int, aside: Path) -> Path:
    """A copy of the case whose `case.toml` names another seed."""
    copy = shutil.copytree(case, aside / str(seed), ignore=shutil.ignore_patterns(".tumen"))
    file = copy / "case.toml"
    text, found = re.subn(r"(?m)^seed\s*=\s*\d+", f"seed = {seed}", file.read_text(encoding="utf-8"))
    if found != 1:
        raise SystemExit(f"{case / 'case.toml'}: {found} lines 'seed = NUMBER', expected one")
    file.write_text(text, encoding="utf-8")
    return copy


def main() -> None:
    """Count under each seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=Path("cases/najin"))
    parser.add_argument("--seeds", type=int, default=4, help="how many, the case's own included")
    asked = parser.parse_args()
    settings = tumen.open(asked.case).case.settings
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {asked.case.name} from {settings.period[0]} to {settings.period[1]}")
    print(f"| seed | {' | '.join(KINDS)} | distinct histories | checks that fail |\n|{'---|' * (len(KINDS) + 3)}")
    rows = []
    for seed in range(settings.seed, settings.seed + asked.seeds):
        with tempfile.TemporaryDirectory(prefix="tumen-") as aside:
            told, left, failed = counted(with_seed(asked.case, seed, Path(aside)))
        rows.append(told)
        print(f"| {seed} | {cells(told)} | {left} | {'; '.join(failed) or 'none'} |", flush=True)
    over = np.array(rows)
    for name, values in (
        ("middle", np.median(over, axis=0)),
        ("lowest", over.min(axis=0)),
        ("highest", over.max(axis=0)),
        ("standard deviation", over.std(axis=0, ddof=1) if len(over) > 1 else np.full(over.shape[1], np.nan)),
    ):
        print(f"| {name} | {cells(values)} | | |")


def cells(values: list[float] | np.ndarray) -> str:
    """Three numbers a kind: median (low to high)."""
    told = []
    for at, digits in enumerate(KINDS.values()):
        middle, low, high = (f"{v:.{digits}f}" for v in values[3 * at : 3 * at + 3])
        told.append(f"{middle} ({low} to {high})")
    return " | ".join(told)


if __name__ == "__main__":
    main()
