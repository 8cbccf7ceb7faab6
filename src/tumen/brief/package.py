"""The data package beside a brief: an RO-Crate from which a reader can recompute every figure.

Takes the tables of a run, the case's text, and the record of each computation; writes a folder with
the tables as Parquet and CSV, the case, the way everything was made (W3C PROV), the versions used and a
README with the two commands. Every file's SHA-256 stands in the crate (RO-Crate 1.1, Process Run Crate).
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import platform
import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import tumen
from tumen.brief.desk import Subject, subject
from tumen.store import StepRecord
from tumen.tables import TABLES

NAME = "data"
CRATE = "ro-crate-metadata.json"
SPEC = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
# Files of a case that are text an analyst wrote; archives and scenes are named by the case, not copied.
CASE_TEXT = (".toml", ".yaml", ".yml", ".csv", ".geojson", ".md", ".txt")
# Extras of the program, and the tables that tell whether a run used them.
EXTRAS = {"ais": ("port_visits", "gaps", "encounters"), "imagery": ("scenes", "detections", "berth_states")}
PLAIN_TIME = (2020, 1, 1, 0, 0, 0)  # of every file in the wheel, so that the same program gives the same bytes


def make_package(
    tables: Mapping[str, pa.Table],
    case: Any,
    out_dir: Path,
    steps: Iterable[StepRecord] = (),
    pages: Iterable[Path] = (),
) -> Path:
    """Write the data package under `out_dir`/data; returns its folder.

    `tables` are the run's tables by name, `case` a `tumen.case.Case` or a `Subject`, `steps` the
    computations of the run, `pages` the briefs that were made from it (named in the crate, kept beside it).
    A package that is there already is replaced only when the new one is whole.
    """
    about = case if isinstance(case, Subject) else subject(case, "en")
    folder, aside = Path(out_dir) / NAME, Path(out_dir) / f".{NAME}.new"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    named = {name.split("@")[0]: table for name, table in tables.items()}
    _write_tables(named, aside / "tables")
    if about.folder:
        _copy_case(about.folder, aside / "case")
    records = list(steps)
    (aside / "prov.json").write_text(json.dumps(provenance(records, named, about), indent=1, sort_keys=True), "utf-8")
    wheel = write_wheel(aside)
    (aside / "versions.txt").write_text(_versions(wheel.name, _extras(named)), "utf-8")
    (aside / "README.md").write_text(_readme(about), "utf-8")
    crate = _crate(aside, about, named, records, [p for p in pages if p.suffix in (".html", ".pdf")])
    (aside / CRATE).write_text(json.dumps(crate, indent=1, ensure_ascii=False), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder


def _write_tables(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Every table as Parquet; those that are no draws also as CSV."""
    folder.mkdir(parents=True)
    for name, table in sorted(tables.items()):
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        declared = TABLES.get(name)
        if declared is None or not declared.draws:
            (folder / f"{name}.csv").write_text(_csv(table), "utf-8")


def _csv(table: pa.Table) -> str:
    """A table as CSV; lists are joined by semicolons, bytes are left to the Parquet file.

    A cell that a spreadsheet would read as a formula gets a leading apostrophe.
    """
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    names = [n for n in table.column_names if not pa.types.is_binary(table.schema.field(n).type)]
    writer.writerow(names)
    for row in table.select(names).to_pylist():
        writer.writerow([_cell(row[n]) for n in names])
    return sink.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ";".join(str(v) for v in value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _copy_case(source: Path, target: Path) -> None:
    """The case's text; links that lead out of the folder are not followed."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.is_symlink() and path.suffix in CASE_TEXT:
            shutil.copyfile(path, target / path.name)


def provenance(steps: Iterable[StepRecord], tables: Mapping[str, pa.Table], about: Subject) -> dict[str, Any]:
    """The run as W3C PROV-JSON: tables are entities, computations activities, the program an agent."""
    agent = f"tumen:version-{tumen.__version__}"
    out: dict[str, Any] = {
        "prefix": {"tumen": "urn:tumen:", "prov": "http://www.w3.org/ns/prov#"},
        "agent": {agent: {"prov:type": {"$": "prov:SoftwareAgent", "type": "prov:QUALIFIED_NAME"}}},
        "entity": {},
        "activity": {},
        "used": {},
        "wasGeneratedBy": {},
        "wasAssociatedWith": {},
    }
    for name, table in tables.items():
        out["entity"][f"tumen:table-{name}"] = {"tumen:rows": table.num_rows, "prov:label": name}
    for step in steps:
        activity = f"tumen:step-{step.evidence_id}"
        out["activity"][activity] = {
            "prov:label": step.step,
            "tumen:code": step.code,
            "tumen:seed": str(step.seed),
            "tumen:as_of": step.as_of,
            "tumen:settings": json.dumps(step.settings, sort_keys=True, ensure_ascii=False, default=str),
        }
        out["wasAssociatedWith"][f"_:by-{step.evidence_id}"] = {"prov:activity": activity, "prov:agent": agent}
        for name, digest in step.inputs.items():
            entity = f"tumen:table-{name.split('@')[0]}"
            out["entity"].setdefault(entity, {"prov:label": name.split("@")[0]})["tumen:sha256"] = digest
            out["used"][f"_:used-{step.evidence_id}-{name}"] = {"prov:activity": activity, "prov:entity": entity}
        for name in step.outputs:
            entity = f"tumen:table-{name.split('@')[0]}"
            out["entity"].setdefault(entity, {"prov:label": name.split("@")[0]})
            out["wasGeneratedBy"][f"_:made-{step.evidence_id}-{name}"] = {
                "prov:entity": entity,
                "prov:activity": activity,
            }
    return out


def write_wheel(folder: Path) -> Path:
    """The program that ran, as a wheel: a reader needs no one's permission or memory to have the same one."""
    about = metadata.distribution("tumen")
    info = f"tumen-{tumen.__version__}.dist-info"
    source = Path(tumen.__file__).parent
    files = {
        f"tumen/{path.relative_to(source).as_posix()}": path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    files[f"{info}/METADATA"] = (about.read_text("METADATA") or "").encode()
    files[f"{info}/entry_points.txt"] = (about.read_text("entry_points.txt") or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: tumen\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
        for name, data in files.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    target = folder / f"tumen-{tumen.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            wheel.writestr(zipfile.ZipInfo(name, PLAIN_TIME), data, zipfile.ZIP_DEFLATED)
    return target


def _extras(tables: Mapping[str, pa.Table]) -> frozenset[str]:
    return frozenset(e for e, names in EXTRAS.items() if any(n in tables and tables[n].num_rows for n in names))


def _requires() -> list[str]:
    """What the program needs: from its source tree where it runs from one, since an installation made before the
    last change of that tree tells the needs of then."""
    project = Path(tumen.__file__).parents[2] / "pyproject.toml"
    told = tomllib.loads(project.read_text("utf-8")).get("project", {}) if project.is_file() else {}
    if told.get("name") != "tumen":
        return list(metadata.distribution("tumen").requires or ())
    extras = told.get("optional-dependencies", {})
    more = [f'{line}; extra == "{extra}"' for extra, lines in extras.items() for line in lines]
    return [*told.get("dependencies", ()), *more]


def _versions(wheel: str, extras: frozenset[str]) -> str:
    """The wheel beside this file, and every library under it at the version that ran."""
    pinned: dict[str, str] = {}
    todo = ["tumen"]
    while todo:
        name = todo.pop()
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed did not run
        key = found.metadata["Name"].lower().replace("_", "-")
        if key in pinned:
            continue
        pinned[key] = found.version
        for line in _requires() if name == "tumen" else found.requires or ():
            needed, _, condition = line.partition(";")
            extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", condition)
            if extra is None or (name == "tumen" and extra[1] in extras):
                match = re.match(r"[A-Za-z0-9._-]+", needed.strip())
                todo += [match[0]] if match else []
    lines = [f"./{wheel}", *(f"{name}=={version}" for name, version in sorted(pinned.items()) if name != "tumen")]
    return "\n".join([*lines, f"# Python {platform.python_version()} on {sys.platform}", ""])


def _readme(about: Subject) -> str:
    warning = "\n**Simulated data. Nothing here speaks of real events.**\n" if about.simulated else ""
    return f"""# {about.title}: data
{warning}
As known on {about.as_of.isoformat()}. To recompute every figure of the brief:

    pip install -r versions.txt
    tumen run case --as-of {about.as_of.isoformat()}

Both are run in this folder. The first installs the program that lies here and the versions of its libraries
that this run used (best into an environment of its own: `python -m venv .venv`); the second computes everything
from the text in `case/`, prints the figures and writes the brief anew. To hold the two side by side:

    tumen show case headline --as-of {about.as_of.isoformat()} --format csv
    cat tables/headline.csv

`tumen why case owed_usd` then shows what a figure stands on.

| path | what it is |
| --- | --- |
| `case/` | the text of the case as an analyst wrote it, byte for byte, every row with its source |
| `tables/*.parquet` | every table of the run; column docs, units and the meaning of an empty cell are in the file |
| `tables/*.csv` | the same for tables that are no draws; lists are joined by semicolons, and a cell that a spreadsheet would run as a formula begins with an apostrophe |
| `prov.json` | which computation made which table from which (W3C PROV) |
| `tumen-*.whl` | the program that made them |
| `versions.txt` | the libraries that it ran with, each with its version |
| `{CRATE}` | what is here, with the SHA-256 of each file (RO-Crate 1.1) |

A figure is the median of its draws, an interval the 5 % and 95 % points. Draw number d is the same imagined
world in every table, so sums and differences are taken draw by draw.
"""


def _crate(
    folder: Path, about: Subject, tables: Mapping[str, pa.Table], steps: list[StepRecord], pages: list[Path]
) -> dict[str, Any]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    entries = [_file(folder, path, tables) for path in files]
    program = f"urn:tumen:program-{tumen.__version__}"
    graph: list[dict[str, Any]] = [
        {"@id": CRATE, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": SPEC}},
        {
            "@id": "./",
            "@type": "Dataset",
            "name": about.title,
            "description": f"{about.question} As known on {about.as_of.isoformat()}."
            + (" Simulated data: nothing here speaks of real events." if about.simulated else ""),
            "conformsTo": {"@id": PROFILE},
            "datePublished": about.as_of.isoformat(),
            "temporalCoverage": f"{about.start.isoformat()}/{about.end.isoformat()}",
            "license": {"@id": "#licence"},
            "author": {"@id": "#authors"},
            "publisher": {"@id": "#authors"},
            "hasPart": [{"@id": e["@id"]} for e in entries],
            "mentions": [{"@id": f"#step-{s.evidence_id}"} for s in steps],
        },
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": "#licence",
            "@type": "CreativeWork",
            "name": "As the authors of the case allow",
            "description": "Facts with their sources; the text of the case belongs to its authors.",
        },
        {"@id": "#authors", "@type": "Organization", "name": f"The authors of the case “{about.name}”"},
        {
            "@id": program,
            "@type": "SoftwareApplication",
            "name": "Tumen",
            "version": tumen.__version__,
            "license": "https://spdx.org/licenses/Apache-2.0",
        },
    ]
    graph += entries
    for step in steps:
        graph.append(
            {
                "@id": f"#step-{step.evidence_id}",
                "@type": "CreateAction",
                "name": step.step,
                "instrument": {"@id": program},
                "agent": {"@id": "#authors"},
                "description": f"code {step.code}, seed {step.seed}, as of {step.as_of}",
                **_linked("object", step.inputs, tables),
                **_linked("result", step.outputs, tables),
            }
        )
    for page in pages:
        graph.append({"@id": f"#{page.name}", "@type": "CreativeWork", "name": page.name, "isBasedOn": {"@id": "./"}})
    # schema.org knows sha256, the context of RO-Crate 1.1 does not yet.
    context = [f"{SPEC}/context", {"sha256": "https://schema.org/sha256"}]
    return {"@context": context, "@graph": graph}


def _linked(name: str, used: Iterable[str], tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Tables that a computation took or gave; a single one stands alone, as RO-Crate wants it."""
    found = dict.fromkeys(n.split("@")[0] for n in used if n.split("@")[0] in tables)
    links = [{"@id": f"tables/{n}.parquet"} for n in found]
    return {name: links[0] if len(links) == 1 else links} if links else {}


_KINDS = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".md": "text/markdown",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".txt": "text/plain",
    ".whl": "application/zip",
}


def _file(folder: Path, path: Path, tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    data = path.read_bytes()
    entry: dict[str, Any] = {
        "@id": path.relative_to(folder).as_posix(),
        "@type": "File",
        "name": path.name,
        "contentSize": str(len(data)),
        "encodingFormat": _KINDS.get(path.suffix, "application/octet-stream"),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    declared = TABLES.get(path.stem) if path.parent.name == "tables" else None
    if declared is not None:
        entry["description"] = declared.doc
    return entry
