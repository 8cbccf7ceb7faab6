"""Every kernel run once on three made-up rows: compiled on a machine's first run, read from disk on every later one."""

from __future__ import annotations

import tempfile

import numpy as np

from tumen.ais import nmea, shuffle
from tumen.ais.archives import Task
from tumen.ais.bucket import Walk, walk_bucket
from tumen.ais.encounters import spans
from tumen.ais.reasons import Drops
from tumen.ais.rows import Positions, Statics
from tumen.ais.settings import EventSettings
from tumen.ais.streams import Source
from tumen.ais.work import folder


def load() -> None:
    """Make all kernels of reading NMEA, sorting and walking ready in this process."""
