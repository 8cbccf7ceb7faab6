"""What each file of a case may hold: its model and its fields, for forms, docs and formatting.

Takes a file name; gives the `Record` model of its rows and the names of their columns.
"""

from __future__ import annotations

import importlib
from typing import Any

from tumen.case.record import Record

# file -> 'module:Model' of one row (CSV, GeoJSON, YAML) or of the whole file (TOML)
MODELS: dict[str, str] = {
    "case.toml": "settings:Settings",
    "sources.yaml": "sources:Source",
    "places.geojson": "places:Place",
    "vessels.csv": "vessels:Vessel",
    "listings.csv": "vessels:Listing",
    "looks.csv": "looks:Look",
    "sightings.csv": "sightings:Sighting",
    "claims.csv": "claims:Claim",
    "glossary.yaml": "glossary:Term",
    "loading.toml": "loading:Loading",
    "transfers.csv": "account:Transfer",
    "prices.toml": "account:Prices",
    "front.toml": "front:Front",
    "trades.toml": "judge:Trades",
    "indicators.csv": "judge:Indicator",
    "responses.toml": "judge:Responses",
    "outcomes.csv": "judge:Outcome",
}


def model_of(file: str) -> type[Record]:
    """The model of a file's rows, or of the whole file."""
    module, _, name = MODELS[file].partition(":")
    model: Any = getattr(importlib.import_module(f"tumen.case.{module}"), name)
    return model


def field_names(file: str) -> list[str]:
    """Columns or keys of a file, in their standard order."""
    return model_of(file).columns()
