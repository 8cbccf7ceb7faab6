"""What every worker process needs, imported and compiled once for all of them before they are forked.

Importing this runs the readers and all kernels on a few made-up rows (compiled on a machine's first run, read
from numba's cache on disk later) and loads the land mask; a fork server does that once, and workers share it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tumen.ais import coast
from tumen.ais.pipeline import run

_ROWS = 60
# Type 1 message of the specification's examples, enough to load the decoder.
_SENTENCE = "!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5F\n"


def warm() -> None:
    """Run everything once on two made-up ships that lie together."""
    lines = ["mmsi,timestamp,lat,lon,sog,cog,name"]
    for k in range(_ROWS):
        for ship in (1, 2):
            lines.append(f"99900000{ship},{1_709_251_200 + 300 * k},0.5,-30.{ship:03d},0.1,0,X")
    with tempfile.TemporaryDirectory() as name:
        table, log = Path(name) / "a.csv", Path(name) / "a.nmea"
        table.write_text("\n".join(lines))
        log.write_text(_SENTENCE)
        run([table, log], bucket_bits=0)


warm()
coast.known()
