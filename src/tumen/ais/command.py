"""`tumen events ARCHIVE... -o DIR`: for people who have AIS archives and no case at all."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer


def events_command(
    archives: Annotated[
        list[str],
        typer.Argument(metavar="ARCHIVE...", help="NMEA logs, CSV, JSON or Parquet; files, folders, globs, addresses."),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="Folder or address for the tables, as Parquet.")
    ],
    gazetteer: Annotated[
        list[Path] | None,
        typer.Option(
            "--gazetteer", "-g", help="Ports: CSV with name, latitude, longitude, or GeoJSON. May be repeated."
        ),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="TOML with thresholds, and [[columns]] mappings of tables.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", "-c", help="Name a column: ROLE=HEADER, e.g. vessel=MMSI. May be repeated."),
    ] = None,
    positions: Annotated[bool, typer.Option("--positions", help="Also write the cleaned positions.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", "-n", min=1, help="Processes; default: every core.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option("--dask", metavar="ADDRESS", help="Dask scheduler, tcp://host:8786.")
    ] = None,
    work: Annotated[
        str | None,
        typer.Option(
            "--work",
            metavar="FOLDER",
            help="Keep sorted data here (folder or address), so that a new day costs only its buckets.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Also write each table as CSV, for spreadsheets.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Port visits, gaps, encounters, loitering and identity tricks from any AIS archive.

    Exit codes: 0 done; 1 done, and something in the data was at fault (see drops.parquet); 2 wrong use;
    3 no archive, or the cluster, or the work folder's store, could be reached.
    """
    raise typer.Exit(
        events_step(archives, out, gazetteer or [], settings, column or [], positions, workers, dask, work, quiet, csv)
    )


def events_step(
    archives: list[str],
    out: Path | str,
    gazetteer: list[Path],
    settings: Path | None,
    column: list[str],
    positions: bool = False,
    workers: int | None = None,
    dask: str | None = None,
    work: str | None = None,
    quiet: bool = False,
    csv: bool = False,
) -> int:
    """Run the verb; its exit code."""
    from rich.console import Console

    console = Console(stderr=True)
    try:
        from tumen.ais.case import mappings
        from tumen.ais.columns import Mapping
        from tumen.ais.pipeline import PRELOAD, run
        from tumen.ais.places import PlaceError, gather
        from tumen.ais.settings import EventSettings
        from tumen.ais.stores import StoreError
    except ImportError as error:
        console.print(str(error), markup=False)
        return 2
    from tumen import engine

    try:
        given: dict[str, Any] = tomllib.loads(settings.read_text()) if settings else {}
        maps = mappings(given.pop("columns", []))
        if column:
            maps.insert(0, Mapping(columns=_columns(column)))
        rules = EventSettings.of(given)
        places = gather([str(p) for p in gazetteer])
    except (OSError, ValueError, TypeError, PlaceError) as error:
        where = f"{settings}: " if settings and not isinstance(error, PlaceError) else ""
        console.print(f"{where}{error}", markup=False)
        return 2
    started = time.monotonic()
    if not quiet and not _compiled():
        console.print("first run on this machine: the kernels are compiled once, about a minute", soft_wrap=True)
    try:
        with engine.executor(workers, dask, PRELOAD) as runner, _Bar(console, quiet) as bar:
            made = run(
                archives, out, gazetteer=places, settings=rules, executor=runner, mapping=maps, work=work,
                positions=positions, progress=bar.tell, csv=csv,
            )  # fmt: skip
    except engine.EngineError as error:
        console.print(str(error), markup=False)
        return 3
    except StoreError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return 3
    except OSError as error:
        # a full disk has no name of its own
        console.print(str(error) if error.filename else f"{out}: {error}", markup=False, soft_wrap=True)
        if dask and not work and isinstance(error, FileNotFoundError):
            console.print("with --dask, --work must name a folder or address that every worker sees", soft_wrap=True)
        return 2
    if not quiet:
        _summary(console, made, time.monotonic() - started, len(places), out, csv)
    if made.unreachable and made.unreachable == len(set(made.tables["drops"].column("archive").to_pylist())):
        return 3 if not made.positions else 1
    return 1 if made.faults else 0


def _columns(given: list[str]) -> dict[str, str | int]:
    out: dict[str, str | int] = {}
    for one in given:
        role, _, header = one.partition("=")
        if not header:
            raise ValueError(f"--column {one}: expected ROLE=HEADER, e.g. vessel=MMSI")
        out[role.strip()] = header.strip()
    return out


def _compiled() -> bool:
    """Whether numba's cache on disk holds the kernels of an earlier run."""
    from tumen.ais import tracks

    # with numba's compiler switched off there is nothing to wait for
    stats = getattr(tracks.split, "stats", None)
    return stats is None or any(Path(stats.cache_path).glob("tracks.split-*.nbi"))


class _Bar:
    """A progress bar with one line a stage."""

    def __init__(self, console: Any, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(self._tasks[stage], completed=done)


def _summary(console: Any, made: Any, seconds: float, places: int, out: Path | str, csv: bool) -> None:
    from rich.table import Table

    listing = Table(box=None, pad_edge=False)
    listing.add_column("table")
    listing.add_column("rows", justify="right")
    for name, rows in made.tables.items():
        listing.add_row(name, f"{rows.num_rows:,}")
    console.print(listing)
    console.print(f"{made.positions:,} positions read in {seconds:.1f} s")
    files = "Parquet and CSV" if csv else "Parquet; --csv writes CSV as well"
    console.print(f"{len(made.tables)} tables in {out} ({files})", markup=False, highlight=False, soft_wrap=True)
    if not places:
        console.print("no gazetteer given: no port visits (--gazetteer FILE)")
    for row in made.tables["drops"].to_pylist():
        line = f", first at line {row['first_line']}" if row["first_line"] else ""
        note = f" ({row['note']})" if row["note"] else ""
        mark = "fault" if row["fault"] else "left out"
        name = row["archive"].rsplit("/", 1)[-1]
        console.print(
            f"{mark}: {name}: {row['count']:,} x {row['reason']}{line}{note}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
