"""Stops and gaps: rows a second of Tumen against MovingPandas on the same simulated ships.

    python bench/ais_peers.py [--rows 200000]

MovingPandas is not a dependency: `pip install movingpandas` first, or its part says that it is not measured.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time

import numpy as np

from tumen.ais import tracks, walk
from tumen.ais.places import Places, Shape, index
from tumen.simulate import ais as simulate


def tumen_rows_per_s(fleet: simulate.Fleet) -> float:
    """Order, split into tracks, speeds, port visits, stays and gaps, on one core."""
    shapes = index(Places([Shape("P", 39.0, 165.0)]), 3000, 200, 1000).arrays()

    def once() -> None:
        order, _, start, _ = tracks.vessel_order(fleet.vessel)
        t = fleet.t[order]
        lat, lon = (np.rint(v[order] * 1e7).astype(np.int32) for v in (fleet.lat, fleet.lon))
        sog, cog = (v[order].astype(np.float32) for v in (fleet.sog, fleet.cog))
        track, fate, made = tracks.split(t, lat, lon, sog, cog, start, 50.0, 1000.0, 30.0)
        keep, begin, _ = tracks.track_order(track, fate, start, made)
        t, lat, lon, sog = t[keep], lat[keep], lon[keep], sog[keep]
        _, speed = walk.steps(t, lat, lon, sog, begin)
        walk.visits(t, lat, lon, speed, begin, shapes, 1000.0, 0.2, 0.5, 4 * walk.HOUR_US)
        walk.stays(t, lat, lon, begin, 100.0, walk.HOUR_US, 12 * walk.HOUR_US)
        np.flatnonzero(np.diff(t) >= 12 * walk.HOUR_US)

    once()
    started = time.process_time()
    once()
    return len(fleet.t) / (time.process_time() - started)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    given = parser.parse_args()
    ours = tumen_rows_per_s(simulate.archive(2000, 4_000_000, 3))
    print(f"tumen, stops and gaps and visits: {ours / 1e6:.2f} M rows/s on one core")
    try:
        import geopandas
        import movingpandas
        import pandas as pd
    except ImportError as error:
        print(f"MovingPandas is not installed ({error}): not measured")
        return
    fleet = simulate.archive(max(10, given.rows // 2000), given.rows, 3)
    frame = pd.DataFrame({"v": fleet.vessel, "t": pd.to_datetime(fleet.t, unit="us"), "x": fleet.lon, "y": fleet.lat})
    started = time.process_time()
    points = geopandas.GeoDataFrame(frame, geometry=geopandas.points_from_xy(frame.x, frame.y), crs=4326)
    held = movingpandas.TrajectoryCollection(points, "v", t="t")
    movingpandas.TrajectoryStopDetector(held).get_stop_segments(max_diameter=100, min_duration=dt.timedelta(hours=1))
    movingpandas.ObservationGapSplitter(held).split(gap=dt.timedelta(hours=12))
    theirs = given.rows / (time.process_time() - started)
    print(
        f"MovingPandas {movingpandas.__version__}, stops and gaps: {theirs:,.0f} rows/s; tumen is {ours / theirs:,.0f} times as fast"
    )


if __name__ == "__main__":
    main()
