"""Every threshold of the events, with where it comes from. Defaults follow Global Fishing Watch (GFW).

Sources: GFW technical documentation, chapters on anchorages and voyages, encounters, loitering and
gaps; Welch et al. 2022 (Science Advances 8, eabq2109) for switched-off AIS. Where we differ it says so.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what was expected."""


# Settings by which something is divided, or without which nothing could be found.
_ABOVE_ZERO = (
    "entry_m", "exit_m", "gap_h", "hidden_kn", "encounter_m", "encounter_h", "encounter_kn", "slot_s", "interpolate_h",
    "loiter_kn", "possible_kn", "long_kn",
)  # fmt: skip


@dataclass(frozen=True)
class EventSettings:
    """Thresholds; distances in metres unless named otherwise, speeds in knots, times in hours."""

    # port visits (GFW: entry within 3 km of an anchorage point, exit beyond 4 km, stop below 0.2 kn until
    # above 0.5 kn, gap of 4 h)
    entry_m: float = 3000.0
    exit_m: float = 4000.0
    stop_begin_kn: float = 0.2
    stop_end_kn: float = 0.5
    port_gap_h: float = 4.0
    # A polygon is drawn around the port itself, so entry is its edge; the 200 m allow for the antenna's
    # place on the ship and for a coarse drawing. Exit is 1 km further, as with points.
    polygon_entry_m: float = 200.0
    # voyages are drawn between visits of at least this confidence
    voyage_confidence: int = 2

    # gaps (GFW: 12 h, 50 nm from shore; Welch et al.: at least 14 messages in the 12 h before)
    gap_h: float = 12.0
    gap_coast_nm: float = 50.0
    gap_messages_before: int = 14
    # Reception is judged in cells of one degree and six hours: others must be heard there in at least half
    # of the time that the gap lasted (at most its first two days), by at least this many ships.
    gap_neighbours: int = 3
    gap_heard_share: float = 0.5
    # speed that a hidden ship may have made: general cargo ships run 12 to 15 kn
    hidden_kn: float = 15.0
    hidden_stay_h: float = 4.0
    hidden_places: int = 20

    # encounters (GFW: 500 m, 2 h, median speed below 2 kn, 10 km from an anchorage; positions every 10 min)
    encounter_m: float = 500.0
    encounter_h: float = 2.0
    encounter_kn: float = 2.0
    encounter_port_m: float = 10_000.0
    # nearer to a port than that it is no encounter for GFW; true keeps it, marked by `at_sea` false
    encounter_near_port: bool = False
    slot_s: int = 600
    # a position is interpolated between messages at most this far apart
    interpolate_h: float = 2.0

    # loitering (GFW: average below 2 kn, at least an hour, on average 20 nm from shore)
    loiter_kn: float = 2.0
    loiter_h: float = 1.0
    loiter_coast_nm: float = 20.0
    # a faster spell shorter than this does not end it
    loiter_blip_s: float = 1200.0
    # one-sided rendezvous: GFW calls loitering of a carrier over 4 h a possible encounter
    rendezvous_h: float = 4.0

    # draught: told in decimetres by hand; smaller changes are corrections
    draught_change_m: float = 0.5

    # tracks: faster than any merchant ship (fast ferries make 45 kn)
    possible_kn: float = 50.0
    slack_m: float = 1000.0
    # and over more than an hour: few ships run faster than 30 kn for long
    long_kn: float = 30.0
    track_rows: int = 3
    # stale: the same position again and again under a speed that would have moved the ship
    stale_h: float = 0.5
    stale_kn: float = 2.0

    # anchorages (GFW: 20 vessels that stayed 12 h within 0.5 km)
    anchorage_vessels: int = 20
    anchorage_stay_h: float = 12.0
    # anchorages learned from all ships that no known port reaches are ports too, as with GFW
    learn_anchorages: bool = True

    # an identity told only once, between two equal ones, is a transmission error
    identity_flicker: bool = True

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(f.default, bool):
                if not isinstance(value, bool):
                    raise SettingsError(f"{f.name}: {value!r}; expected true or false")
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise SettingsError(f"{f.name}: {value!r}; expected a number")
            if isinstance(f.default, int) and value != int(value):
                raise SettingsError(f"{f.name}: {value!r}; expected a whole number")
            if value < 0 or (value == 0 and f.name in _ABOVE_ZERO):
                raise SettingsError(
                    f"{f.name}: {value!r}; expected a number {'above' if value == 0 else 'of at least'} 0"
                )
        if not 10 <= self.slot_s <= 86_400 or 86_400 % self.slot_s:
            raise SettingsError(
                f"slot_s: {self.slot_s}; expected seconds of which a day holds a whole number, 10 or more"
            )
        if not self.entry_m < self.exit_m:
            raise SettingsError(f"exit_m: {self.exit_m}; expected more than entry_m, {self.entry_m}")
        if not self.stop_begin_kn <= self.stop_end_kn:
            raise SettingsError(
                f"stop_end_kn: {self.stop_end_kn}; expected at least stop_begin_kn, {self.stop_begin_kn}"
            )

    @classmethod
    def of(cls, value: EventSettings | Mapping[str, object] | None) -> EventSettings:
        """From a plain mapping as TOML gives it. Raises `SettingsError` for an unknown name or a value out of bounds.

        >>> EventSettings.of({"gap_h": 6}).gap_h
        6
        """
        if isinstance(value, EventSettings):
            return value
        given = dict(value or {})
        unknown = set(given) - {f.name for f in fields(cls)}
        if unknown:
            name = sorted(unknown)[0]
            near = difflib.get_close_matches(name, [f.name for f in fields(cls)], 1)
            raise SettingsError(
                f"{name}: no such setting; "
                + (f"did you mean {near[0]}?" if near else f"expected one of {', '.join(f.name for f in fields(cls))}")
            )
        whole = {f.name for f in fields(cls) if isinstance(f.default, int) and not isinstance(f.default, bool)}
        # 600.0 is as good as 600
        given = {k: int(v) if k in whole and isinstance(v, float) and v == v // 1 else v for k, v in given.items()}
        return cls(**given)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        """For records of how a result was made."""
        return asdict(self)
