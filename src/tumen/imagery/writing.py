"""Detections to a file: GeoJSON, Parquet or CSV by suffix, whole or not at all.

Takes the tables of `detect`; writes next to the target and moves into place, so that a run that is cut
off leaves nothing half-written.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SUFFIXES = (".geojson", ".json", ".parquet", ".csv")


def write(path: Path, detections: pa.Table, scenes: pa.Table) -> None:
    """Write detections; GeoJSON carries the scenes (with faults) as a member of the collection."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        sink = io.BytesIO()
        pq.write_table(detections, sink)
        data = sink.getvalue()
    elif suffix == ".csv":
        data = _csv(detections).encode("utf-8")
    elif suffix in (".geojson", ".json"):
        data = (json.dumps(geojson(detections, scenes), ensure_ascii=False, indent=1, default=_plain) + "\n").encode(
            "utf-8"
        )
    else:
        raise ValueError(f"{path.name}: unknown suffix '{suffix}'; expected one of {', '.join(SUFFIXES)}")
    replace_file(path, data)


def replace_file(path: Path, data: bytes) -> None:
    """Write bytes beside the target, then move them into place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def geojson(detections: pa.Table, scenes: pa.Table) -> dict[str, Any]:
    """A FeatureCollection of points; without georeference the geometry is null and x, y tell the place."""
    features = []
    for row in detections.to_pylist():
        point = (
            None
            if row["lat"] is None
            else {"type": "Point", "coordinates": [round(row["lon"], 7), round(row["lat"], 7)]}
        )
        properties = {k: _rounded(v) for k, v in row.items() if k not in ("evidence_id", "parents")}
        features.append({"type": "Feature", "id": row["detection_id"], "geometry": point, "properties": properties})
    told = [
        {k: _rounded(v) for k, v in row.items() if k not in ("evidence_id", "parents", "wkt")}
        for row in scenes.to_pylist()
    ]
    return {"type": "FeatureCollection", "features": features, "scenes": told}


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def _csv(table: pa.Table) -> str:
    out = io.StringIO(newline="")
    names = [n for n in table.column_names if n not in ("evidence_id", "parents")]
    writer = csv.writer(out)
    writer.writerow(names)
    for row in table.select(names).to_pylist():
        writer.writerow(
            [
                ""
                if v is None
                else "; ".join(v)
                if isinstance(v, list)
                else _plain(v)
                if isinstance(v, dt.datetime)
                else _rounded(v)
                for v in row.values()
            ]
        )
    return out.getvalue()
