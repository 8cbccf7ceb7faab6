"""The words `detect` and `scenes` of the command line.

`cli.py` registers `detect_command` as `tumen detect` and calls `scenes_command` for `tumen scenes`. Exit
codes: 0 done; 1 a fault in the user's data (the batch goes on after a bad scene); 2 wrong use; 3 a catalogue
could not be reached, or a library is missing.
"""

from __future__ import annotations

import datetime as dt
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated

import typer

from tumen.imagery.faults import MissingLibrary, SceneFault, Unreachable
from tumen.imagery.settings import DetectSettings
from tumen.imagery.writing import SUFFIXES

DATA_FAULT, WRONG_USE, UNREACHABLE = 1, 2, 3


def detect_command(
    scene: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE...",
            help="SAFE folder or zip, COG, GeoTIFF, JP2 or PNG; several are searched one after another.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write: .geojson, .parquet or .csv.")
    ],
    areas: Annotated[
        Path | None,
        typer.Option(
            "--areas",
            metavar="FILE",
            help="GeoJSON of ports and berths (kind: port, berth, yard); `pixels: true` for pixel coordinates.",
        ),
    ] = None,
    land: Annotated[
        list[str] | None,
        typer.Option(
            "--land",
            metavar="FILE",
            help="GeoJSON of land to add to the coastline; a feature with `water: true` is cut out.",
        ),
    ] = None,
    no_osm: Annotated[bool, typer.Option("--no-osm", help="Do not use the OpenStreetMap coastline.")] = False,
    sensor: Annotated[
        str | None, typer.Option("--sensor", metavar="sar|optical", help="What a bare picture is.")
    ] = None,
    pixel_m: Annotated[
        float | None, typer.Option("--pixel-m", metavar="M", help="Ground size of a pixel of a bare picture, metres.")
    ] = None,
    pfa: Annotated[
        float, typer.Option("--pfa", help="Chance that one pixel of open sea passes the radar test.")
    ] = DetectSettings().pfa,
    min_probability: Annotated[
        float, typer.Option("--min-probability", help="Leave out detections below it.")
    ] = DetectSettings().min_probability,
    min_length: Annotated[
        float, typer.Option("--min-length", metavar="M", help="Leave out shorter ships, metres.")
    ] = 0.0,
    chips: Annotated[
        Path | None, typer.Option("--chips", metavar="DIR", help="Keep a picture of each detection and berth here.")
    ] = None,
    looks: Annotated[
        Path | None, typer.Option("--looks", metavar="FILE", help="Write the looks, also empty ones, as CSV.")
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            metavar="FILE",
            help="GeoJSON of fixed structures: used where it is there, learned on where these scenes hold enough dates.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Scenes searched at the same time.")] = 1,
) -> None:
    """Find ships in satellite images: where, how long, which way they point, how sure.

    Example: `tumen detect S1A_IW_GRDH_....SAFE -o ships.geojson --areas berths.geojson --looks looks.csv`
    """
    if output.suffix.lower() not in SUFFIXES:
        _stop(WRONG_USE, f"{output}: unknown suffix '{output.suffix}', expected {', '.join(SUFFIXES)}")
    if not output.parent.is_dir():
        _stop(WRONG_USE, f"{output}: no folder {output.parent}, expected one that exists")
    for name, file in (("--looks", looks), ("--static", static)):
        if file is not None and not file.parent.is_dir():
            _stop(WRONG_USE, f"{name} {file}: no folder {file.parent}, expected one that exists")
    if sensor not in (None, "sar", "optical"):
        _stop(WRONG_USE, f"--sensor {sensor}, expected sar or optical")
    try:
        settings = DetectSettings(
            pfa=pfa,
            min_probability=min_probability,
            min_length_m=min_length,
            sensor=sensor,
            pixel_m=pixel_m,
            chips=chips is not None,
        )  # type: ignore[arg-type]
    except ValueError as error:
        _stop(WRONG_USE, str(error))
    try:
        code = run(scene, output, areas, tuple(land or ()), not no_osm, settings, chips, looks, workers, static)
    except MissingLibrary as error:
        _stop(UNREACHABLE, str(error))
    except BrokenExecutor:
        _stop(DATA_FAULT, f"a process died with {workers} at work, expected memory for one scene each: --workers 1")
    except (SceneFault, OSError) as error:
        _stop(DATA_FAULT, str(error))
    if code:
        raise typer.Exit(code)


def run(
    scenes: list[str],
    output: Path,
    areas: Path | None,
    land: tuple[str, ...],
    osm: bool,
    settings: DetectSettings,
    chips: Path | None,
    looks: Path | None,
    workers: int,
    static: Path | None = None,
) -> int:
    """Search, write, report; returns the exit code."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from tumen.imagery import writing
    from tumen.imagery.areas import read_areas
    from tumen.imagery.detection import detect
    from tumen.imagery.faults import need_all
    from tumen.imagery.land import Land, read_land
    from tumen.imagery.structures import Mask

    need_all()
    mask = Mask.read(static) if static is not None and static.exists() else Mask()
    given = read_areas(areas) if areas else []
    for file in land:
        read_land(Path(file))  # a fault in it is told before the search, once
    ground = Land(osm=osm, files=land)
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("searching", total=len(scenes))
        pool = None
        if workers > 1 and len(scenes) > 1:
            from tumen.engine import Pool

            pool = Pool(workers)
            try:
                tables = detect(scenes, areas=given, land=ground, settings=settings, executor=pool, static=mask)
            finally:
                pool.shutdown()
        else:

            def started(path: str) -> None:
                progress.update(task, description=f"searching {Path(path).name}")
                progress.advance(task)

            tables = detect(scenes, areas=given, land=ground, settings=settings, started=started, static=mask)
    faults = [r["fault"] for r in tables["scenes"].to_pylist() if r["fault"]]
    for fault in faults:
        print(f"tumen detect: {fault}", file=sys.stderr)
    if len(faults) == len(scenes):
        return DATA_FAULT  # nothing was searched: no file
    if chips is not None:
        chips.mkdir(parents=True, exist_ok=True)
        for row in tables["chips"].to_pylist():
            writing.replace_file(chips / f"{row['chip_id']}.png", row["png"])
    if looks is not None:
        writing.replace_file(looks, writing._csv(tables["looks"]).encode())
    if static is not None and mask.changed:
        writing.replace_file(static, mask.text().encode())
        console.print(f"{static}: {len(mask.structures)} fixed structures", highlight=False, soft_wrap=True)
    writing.write(output, tables["detections"], tables["scenes"])
    for row in tables["scenes"].to_pylist():
        if not row["fault"]:
            count = sum(r["scene_id"] == row["scene_id"] for r in tables["detections"].select(["scene_id"]).to_pylist())
            notes = f" ({'; '.join(row['notes'])})" if row["notes"] else ""
            console.print(
                f"{row['scene_id']}: {count} ships, {100 * row['usable_share']:.0f} % usable{notes}",
                highlight=False,
                soft_wrap=True,
            )
    return DATA_FAULT if faults else 0


def scenes_command(places, query: dict, start: dt.date, end: dt.date, folder: Path, download: bool = True) -> int:
    """Search a catalogue for scenes over a case's places and fetch their windows; prints one line a scene.

    `places` is the table PLACES; `query` the case's `[imagery]` settings (see docs/imagery.md). Returns the
    exit code.
    """
    from tumen.imagery import catalogue

    try:
        found = catalogue.search(places, start, end, **catalogue.options(query))
        for item in found:
            line = f"{item.item_id} {item.time:%Y-%m-%d %H:%M} {item.collection}"
            if download:
                kept = catalogue.fetch(item, folder)
                line += " " + ", ".join(p.name for p in kept)
            print(line)
    except Unreachable as error:
        print(f"tumen scenes: {error}", file=sys.stderr)
        return UNREACHABLE
    except MissingLibrary as error:
        print(f"tumen scenes: {error}", file=sys.stderr)
        return UNREACHABLE
    except (SceneFault, ValueError) as error:
        print(f"tumen scenes: {error}", file=sys.stderr)
        return DATA_FAULT
    print(f"{len(found)} scenes", file=sys.stderr)
    return 0


def _stop(code: int, text: str) -> None:
    print(f"tumen detect: {text}", file=sys.stderr)
    raise typer.Exit(code)
