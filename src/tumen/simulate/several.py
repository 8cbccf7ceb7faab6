"""False worlds of several ports of loading whose ships go to one port of discharge. Everything is labelled simulated.

Takes traffic settings, a period and a seed; gives the true visits of all ports together and what is seen of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tumen import tables
from tumen.case.traffic_settings import TrafficSettings
from tumen.simulate.traffic import FAR_PORT, PORT, Eye, Truth, World, available, share_of, spread_of, swayed, world


def two_ports(settings: TrafficSettings, days: int, seed: int, lead_weeks: int = 0) -> World:
    """Two ports of loading with sparse looks, whose ships go to one far port: looks there, and one total of both."""
    rng = np.random.default_rng(seed)
    made = [world(settings, days, ["sparse"], seed + k, lead_weeks=lead_weeks) for k in (1, 2)]
    looks = [
        row | {"place": f"{PORT} {k}", "look_id": f"{k}-{row['look_id']}"}
        for k, one in enumerate(made, 1)
        for row in one.looks.to_pylist()
    ]
    here, far = made[0].places.to_pylist()
    places = [here | {"place": f"{PORT} {k}", "lon": float(k)} for k in (1, 2)]
    both = replace(
        made[0],
        arrived=np.concatenate([one.arrived for one in made]),
        left=np.concatenate([one.left for one in made]),
        ship=np.concatenate([one.ship for one in made]),
        length_m=np.concatenate([one.length_m for one in made]),
        places=tables.PLACES.build([*places, far]),
    )
    eye = Eye(settings, both, Truth(), rng)
    looks += eye.looks("far")
    share = swayed(share_of(settings.collector_share, rng), rng)
    counted = int(rng.binomial(both.visits, share) + rng.poisson(0.02 * both.visits + 0.02))
    total = eye.claim("BOTH", "voyages", counted, days - 1, "at_least") | {"place": None, "scope": "sea"}
    return replace(both, looks=tables.LOOKS.build(looks), claims=tables.CLAIMS.build([total]))


def fleet(settings: TrafficSettings, days: int, seed: int, lead_weeks: int = 0) -> World:
    """Two ports of loading and one port of discharge, all called at by the same named hulls, which looks tell by name.

    A hull that left is out for its passage, its stay and the passage back; until then it can come to neither port.
    """
    rng = np.random.default_rng(seed)
    made = [world(settings, days, [], seed + k, lead_weeks=lead_weeks) for k in (1, 2)]
    came = np.concatenate([one.arrived for one in made])
    left = np.concatenate([one.left for one in made])
    here = np.repeat([0, 1], [len(one.arrived) for one in made])
    passage = np.array([[spread_of(settings.passage_days, rng) for _ in came] for _ in range(2)]).reshape(2, -1)
    stay = rng.gamma(settings.dwell_phases, settings.dwell_at(FAR_PORT).median / settings.dwell_phases, len(came))
    ship = available(settings, came, left + passage.sum(0) + stay, rng)
    blank = made[0].places.to_pylist()
    places = [blank[0] | {"place": f"{PORT} {k}", "lon": 5.0 * k} for k in (1, 2)] + [blank[1] | {"lon": 7.5}]
    both = replace(
        made[0], arrived=came, left=left, ship=ship, length_m=np.zeros(len(came)), places=tables.PLACES.build(places)
    )
    noon = np.arange(days) + settings.overpass_hour_utc / 24
    looks: list[dict[str, Any]] = []
    for k in (0, 1):
        own = replace(
            both,
            arrived=came[here == k],
            left=left[here == k],
            ship=ship[here == k],
            length_m=np.zeros((here == k).sum()),
        )
        rows = Eye(settings, own, Truth(), rng).looks("named")
        looks += [row | {"place": f"{PORT} {k + 1}", "look_id": f"{k + 1}-{row['look_id']}"} for row in rows]
    sail = rng.random(len(came)) < settings.laden_share
    landed = left + passage[0]
    looks += Eye(settings, both, Truth(), rng).far(noon[::3], np.where(sail, landed, np.inf), landed + stay, named=True)
    return replace(both, looks=tables.LOOKS.build(looks))
