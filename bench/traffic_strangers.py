"""Do the intervals of the count hold on ports that are not drawn from its priors?

    python bench/traffic_strangers.py --cases 25 [--kind ais]

Ports of a steady pace between a ship a month and one every four days, stays of three phases with a mean of 1.5 to 3.5
days, 180 days, counted with the settings that are shipped, as whoever writes a case would. What is seen: daily images
under cloud, a dozen images, images bought with odds of five, reports of three visits in ten beside an image in twelve
days, AIS for six visits in ten, or two collectors who count three quarters. Printed by kind: coverage of the 50, 80 and
95 % intervals, the mean place of the truth in the draws, and the mean error in visits.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
from typing import Any

import numpy as np

from tumen import tables
from tumen.case.traffic_settings import TrafficSettings
from tumen.simulate.traffic import PORT, world
from tumen.traffic.counting import count_port, read_cases

DAYS, START, DRAWS = 180, dt.date(2022, 1, 3), 1000
END = START + dt.timedelta(days=DAYS - 1)
KINDS = ("daily", "few", "tasked", "reports", "ais", "totals")
SETTINGS = TrafficSettings(particles=2000, horizon_months=0)


class Stranger:
    """A port with ships that came (days since the start) and left."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        pace = np.exp(self.rng.uniform(np.log(1 / 30), np.log(1 / 4)))
        came = np.cumsum(self.rng.exponential(1 / pace, 400))
        self.came = came[came < DAYS]
        self.left = self.came + self.rng.gamma(3, self.rng.uniform(1.5, 3.5) / 3, len(self.came))
        self.rows: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []

    def here(self, day: float) -> bool:
        """Whether a ship lies alongside."""
        return bool(((self.came <= day) & (self.left > day)).any())

    def look(self, day: float, seen: bool, **told: Any) -> None:
        """A look at the port."""
        at = dt.datetime.combine(START, dt.time(3), dt.UTC) + dt.timedelta(days=float(day))
        row = {
            "look_id": f"L{len(self.rows)}",
            "place": PORT,
            "start": at,
            "end": at,
            "collector": "A",
            "published": at.date(),
        }
        row |= {"usable_share": 1.0, "vessel_present": seen, "tasked": False, "selection": "series"}
        self.rows.append(row | {"origin": "simulated", "source_ids": []} | told)

    def image(self, day: float, **told: Any) -> None:
        """An image, which shows a ship with 0.95."""
        self.look(day, self.here(day) and self.rng.random() < 0.95, **told)

    def seen_by(self, kind: str) -> None:
        """Make what is seen of the port."""
        if kind == "daily":
            for day in np.flatnonzero(self.rng.random(DAYS) < 0.7):
                self.image(day)
        elif kind == "few":
            for day in sorted(self.rng.choice(DAYS, 12, replace=False)):
                self.image(day)
        elif kind == "tasked":
            odds = np.array([5.0 if self.here(day) else 1.0 for day in range(DAYS)])
            for day in sorted(self.rng.choice(DAYS, 30, replace=False, p=odds / odds.sum())):
                self.image(day, tasked=True, selection="tasked")
        elif kind == "reports":
            for middle in (self.came + self.left)[self.rng.random(len(self.came)) < 0.3] / 2:
                self.look(middle, True, tasked=None, selection="event", origin="reported")
            for day in range(0, DAYS, 12):
                self.image(day)
        elif kind == "ais":
            for number in np.flatnonzero(self.rng.random(len(self.came)) < 0.6):
                self.look(self.came[number], True, tasked=None, selection="event", origin="ais")
                self.rows[-1]["end"] += dt.timedelta(days=float(self.left[number] - self.came[number]))
        else:
            for number in range(2):
                self.claims.append(counted(number, float(self.rng.binomial(len(self.came), 0.75))))


def counted(number: int, visits: float) -> dict[str, Any]:
    """A collector's count of the whole time."""
    about = {
        "quantity": "visits",
        "label": "simulated",
        "unit": "visits",
        "reading": "at_least",
        "direction": "simulated",
    }
    about |= {"scope": "place", "place": PORT, "period_start": START, "period_end": END, "published": END}
    about |= {"independence": "own observation", "use": "evidence", "source_id": "simulated"}
    return about | {"claim_id": f"simulated-{number}", "point": visits, "origin_group": f"G{number}"}


def case(kind: str, seed: int) -> tuple[float, float]:
    """Place of the truth in the draws, and error of their mean."""
    port, blank = Stranger(seed), world(SETTINGS, 30, ["sparse"], 1)
    port.seen_by(kind)
    looks = tables.LOOKS.build(port.rows) if port.rows else tables.LOOKS.empty()
    claims = tables.CLAIMS.build(port.claims) if port.claims else tables.CLAIMS.empty()
    one = read_cases(looks, claims, blank.places, blank.vessels, SETTINGS, (START, END))[0][0]
    draws = count_port(one, np.random.default_rng(seed), DRAWS).paths.arrivals(0, one.end_unit)
    truth = len(port.came)
    place = (draws < truth).mean() + port.rng.random() * (draws == truth).mean()
    return float(place), float(draws.mean()) - truth


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=25)
    parser.add_argument("--kind", choices=KINDS)
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {asked.cases} ports of {DAYS} days a row")
    print("| seen by | 50 % | 80 % | 95 % | mean place | mean error, visits |\n|---|---|---|---|---|---|")
    for kind in [asked.kind] if asked.kind else KINDS:
        done = np.array([case(kind, seed) for seed in range(asked.cases)])
        inside = " | ".join(f"{100 * (np.abs(done[:, 0] - 0.5) <= level / 2).mean():.0f}" for level in (0.5, 0.8, 0.95))
        print(f"| {kind} | {inside} | {done[:, 0].mean():.2f} | {done[:, 1].mean():+.1f} |", flush=True)


if __name__ == "__main__":
    main()
