"""How far places in Sentinel-1 scenes are off: every second tie point left out and foretold from the others.

    python bench/imagery_places.py [FOLDER...]

FOLDERs are SAFE products; their measurements are not needed. Tie points are brought to sea level (as in the search) and
the rest of the grid, with the product's ground range polynomials, foretells those that were left out. Beside it: the
way that the terrain moved the tie points, and how rough the bare ones are (deviation from a smooth surface in line and
pixel), which is what reading them off bilinearly, as is usual, puts on a ship at sea.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tumen.imagery import safe
from tumen.imagery.geolocation import TiePoints, at_sea_level, metres, sea_level_grid

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "safe_stac_fixtures"


def rough(ties: TiePoints, lon: np.ndarray, lat: np.ndarray) -> float:
    """Standard deviation in metres from polynomials of pixel and line."""
    u, v = np.meshgrid(2 * ties.pixels / ties.pixels[-1] - 1, 2 * ties.lines / ties.lines[-1] - 1)
    terms = np.stack([(u**i * v**j).ravel() for i in range(7) for j in range(4)], 1)
    east, north = metres(lon.mean(), lat.mean(), lon, lat)
    east = east * np.cos(np.radians(lat)) / np.cos(np.radians(lat.mean()))
    left = [z.ravel() - terms @ np.linalg.lstsq(terms, z.ravel(), rcond=None)[0] for z in (east, north)]
    return float(np.sqrt((left[0] ** 2 + left[1] ** 2).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", type=Path)
    args = parser.parse_args()
    for path in args.folder or sorted(DEFAULT.glob("S1*.SAFE")):
        product = safe.Product.open(path)
        mark = product.find(safe.MARKS)[0]
        root = product.xml(mark)
        _, ties, epoch = safe.tie_points(root, path)
        if ties is None or epoch is None:
            print(f"{path.name[:32]}: its tie points have no height or range")
            continue
        law = safe.range_law(root, epoch)
        width, height, spacing = (
            float(root.findtext(f".//{k}") or "nan") for k in ("numberOfSamples", "numberOfLines", "rangePixelSpacing")
        )
        lon, lat = at_sea_level(ties)
        moved = np.hypot(*metres(lon, lat, ties.lon, ties.lat))
        half = TiePoints(
            ties.lines[::3], ties.pixels[::2],
            *(getattr(ties, n)[::3, ::2] for n in ("lon", "lat", "height", "incidence", "slant")), ties.seconds[::3],
        )  # fmt: skip
        x, y = np.meshgrid(ties.pixels + 0.5, ties.lines + 0.5)
        left = np.ones(x.shape, bool)
        left[::3, ::2] = False
        off = np.hypot(*metres(lon, lat, *sea_level_grid(half, law, spacing, int(width), int(height)).lonlat(x, y)))[
            left
        ]
        print(
            f"{path.name[:32]}: ground of {ties.height.min():.0f} to {ties.height.max():.0f} m moved tie points by "
            f"{moved.mean():.0f} m (at most {moved.max():.0f}); bare, they are rough by {rough(ties, ties.lon, ties.lat):.0f} m; "
            f"{left.sum()} left out were foretold within {off.mean():.1f} m, at worst {off.max():.1f}"
        )


if __name__ == "__main__":
    main()
