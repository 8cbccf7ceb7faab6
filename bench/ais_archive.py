"""Make a simulated AIS archive of N million rows, in Parquet and in the Danish Maritime Authority's CSV format.

    python bench/ais_archive.py --rows 50 --out /tmp/archive [--clustered] [--csv]

Rows are in time order, as received. Everything in it is simulated (identifiers 999xxxxxx).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pyarrow.parquet as pq

from tumen.simulate import ais

# Rows made at a time, so that memory stays under 2 GiB whatever the size of the archive.
ROWS_A_PART = 5_000_000
PART_US = 10 * 86_400_000_000


def make(out: Path, millions: float, clustered: bool = False, csv: bool = False) -> tuple[Path, Path | None]:
    """Write the archive; each part is ten more days of the same ships (2,500 for each 25 million rows, at least 500)."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"SIMULATED-{millions:g}M{'-clustered' if clustered else ''}"
    parquet, text = out / f"{name}.parquet", out / f"{name}.csv"
    rows = int(millions * 1e6)
    ships = max(500, rows // 10_000)
    parts = max(1, rows // ROWS_A_PART)
    writer = None
    for part in range(parts):
        fleet = ais.archive(ships, rows // parts, 7, clustered, 1_709_251_200_000_000 + part * PART_US)
        table = fleet.table()
        writer = writer or pq.ParquetWriter(parquet, table.schema)
        writer.write_table(table, row_group_size=1 << 20)
        if csv:
            ais.write_danish(fleet, text, append=part > 0)
    if writer:
        writer.close()
    return parquet, text if csv else None


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=5.0, help="millions of rows")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clustered", action="store_true", help="half of all ships lie in five ports")
    parser.add_argument("--csv", action="store_true", help="also the Danish CSV (170 MB a million rows)")
    given = parser.parse_args()
    started = time.perf_counter()
    for path in make(given.out, given.rows, given.clustered, given.csv):
        if path:
            print(f"{path}: {path.stat().st_size / 1e9:.2f} GB")
    print(f"made in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
