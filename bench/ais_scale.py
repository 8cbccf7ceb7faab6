"""Cost of all events against rows, vessels and workers: measured, printed, and drawn as one figure.

    python bench/ais_scale.py --out docs/img/ais-scale.svg [--scratch FOLDER] [--most 20]

Makes simulated Parquet archives of growing size, of one size with growing fleets, and walks one size with one worker
and more. Processor seconds stand beside clock seconds: on a busy machine only they tell.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from ais_events import tumen_seconds, warm
from tumen import engine
from tumen.simulate import ais


def archive(folder: Path, millions: float, ships: int) -> Path:
    """One simulated archive as Parquet, a million rows a group."""
    path = folder / f"SIMULATED-{millions:g}M-{ships}.parquet"
    parts = max(1, round(millions / 5))
    rows = int(millions * 1e6) // parts
    writer = None
    for part in range(parts):
        table = ais.archive(ships, rows, 7, start_us=1_709_251_200_000_000 + part * 864_000_000_000).table()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=1 << 20)
    if writer:
        writer.close()
    return path


def measure(path: Path, workers: int, scratch: Path) -> tuple[float, float]:
    """Clock and processor seconds of all events with encounters."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        clock, processor, _ = tumen_seconds(path, workers, Path(name), True)
    return clock, processor


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--most", type=float, default=20.0, help="millions of rows of the largest archive")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.scratch))
    cores = engine.cores()
    sizes = [given.most / 16, given.most / 8, given.most / 4, given.most / 2, given.most]
    middle = given.most / 4
    panels: list[tuple[str, list[float], list[float], list[float]]] = []
    try:
        warm(archive(folder, 0.1, 50))
        for title, points in (
            ("million rows", [(m, int(m * 1000), cores) for m in sizes]),
            ("vessels", [(middle, n, cores) for n in (100, 1000, 10_000, 50_000)]),
            ("workers", [(middle, int(middle * 1000), w) for w in sorted({1, cores, 2 * cores})]),
        ):
            x, clock, processor = [], [], []
            for millions, ships, workers in points:
                a, b = measure(archive(folder, millions, ships), workers, folder)
                x.append({"million rows": millions, "vessels": float(ships), "workers": float(workers)}[title])
                clock.append(a)
                processor.append(b)
                print(
                    f"{title:12s} {millions:5.2f} M rows, {ships:6d} vessels, {workers} workers: {a:6.1f} s clock, {b:6.1f} s processor",
                    flush=True,
                )
            panels.append((title, x, clock, processor))
    finally:
        shutil.rmtree(folder)
    if given.out:
        draw(panels, given.out)


def draw(panels: list[tuple[str, list[float], list[float], list[float]]], out: Path) -> None:
    """The three panels as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "tumen"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=False)
    for axis, (title, x, clock, processor) in zip(axes, panels, strict=True):
        axis.plot(x, processor, marker="o", color="#1f4e79", label="processor")
        axis.plot(x, clock, marker="s", color="#c55a11", label="clock", linestyle="--")
        axis.set_xlabel(title)
        axis.set_ylim(0)
        if title == "vessels":
            axis.set_xscale("log")
    axes[0].set_ylabel("seconds")
    axes[0].legend(frameon=False)
    figure.suptitle("tumen events with encounters, simulated archives", fontsize=9)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
