"""See by AIS: from any archive to port visits, gaps, encounters and identity tricks.

Takes NMEA logs, vendor tables and Parquet; gives the tables of `tumen.tables.ais`. Needs the extra
packages of `tumen[ais]`; without them every function here says so.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EventSettings", "Mapping", "case_events", "events", "read", "read_identities"]

_HOMES = {
    "EventSettings": "settings",
    "Mapping": "columns",
    "case_events": "case",
    "events": "pipeline",
    "read": "archives",
    "read_identities": "archives",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    module = import_module(f"tumen.ais.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value
