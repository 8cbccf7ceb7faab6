"""False-alarm rate of the radar detector on simulated clutter of four kinds, against the stated rate.

    python bench/imagery_pfa.py [--pfa 1e-5] [--side 4000] [--repeats 3]

The detector runs as it does on a scene: block statistics, fitted family, ring CFAR. The sea's level falls by
6 dB across the image. Counted are pixels over the final threshold, each for itself.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio

from tumen.imagery import sar
from tumen.imagery.scene import open_scene
from tumen.simulate.imagery import CLUTTER, MEAN, backdrop, clutter


def rate(kind: str, pols: tuple[str, ...], pfa: float, side: int, seed: int) -> tuple[int, int]:
    """False pixels and pixels of one simulated image."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "clutter.tif"
        with rasterio.open(path, "w", driver="GTiff", width=side, height=side, count=len(pols), dtype="uint16") as out:
            level = backdrop((side, side))
            for band, pol in enumerate(pols, 1):
                out.set_band_description(band, pol)
                out.write(
                    np.minimum(np.sqrt(clutter(rng, kind, (side, side), MEAN[pol] * 4) * level), 65535).astype(
                        np.uint16
                    ),
                    band,
                )
        scene = open_scene(path)
        seen = sar.search(scene, None, pfa, 4.4)
        scene.close()
    return sum(b.cores for b in seen.blobs), side * side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pfa", type=float, nargs="*", default=[1e-5, 1e-6])
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for pfa in args.pfa:
        for pols in (("VV", "VH"), ("VV",)):
            for kind in CLUTTER:
                counts = [rate(kind, pols, pfa, args.side, seed) for seed in range(args.repeats)]
                false, total = (sum(c[i] for c in counts) for i in (0, 1))
                ratio = false / total / pfa
                noise = 2 * np.sqrt(max(false, 1)) / (total * pfa)
                print(
                    f"stated {pfa:.0e}  {'+'.join(pols):<6} {kind:<10} measured {false / total:.2e}  ratio {ratio:.2f} +- {noise:.2f}  {'ok' if 0.5 <= ratio <= 2 else 'MISSED'}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
