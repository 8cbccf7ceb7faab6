"""Builds small Sentinel-2 L1C and L2A products of a simulated port with known ships, for tests from file to detection.

Folder and file names, metadata elements and the offset of processing baseline 04.00 follow the Sentinel-2 Product
Specification. Everything is simulated.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from tumen.simulate.imagery import TrueHull, _from_quay, _utm, write_port

BANDS = ("B02", "B03", "B04", "B08", "B11")
WHEN = dt.datetime(2024, 3, 2, 2, 10, 11, tzinfo=dt.UTC)
CLOUD, WATER = 9, 6  # classes of the scene classification


def build(
    folder: Path,
    ships: list[TrueHull],
    level: str = "L2A",
    offset: int = -1000,
    side_m: float = 3000.0,
    corner: tuple[float, float] = (130.3, 42.25),
    cloud: tuple[slice, slice] | None = None,
    seed: int = 1,
) -> tuple[Path, list[tuple[float, float]]]:
    """Write a product; returns its folder and the ships' true places (longitude, latitude) in their order.

    `cloud` are rows and columns of the 10 m grid that the classification calls cloud.
    """
    import rasterio
    from pyproj import Transformer

    plain = folder / "plain.tif"
    size_m = (side_m, side_m)
    write_port(plain, np.random.default_rng(seed), ships=ships, corner=corner, size_m=size_m)
    with rasterio.open(plain) as source:
        data = source.read()
    plain.unlink()
    east, north, code = _utm(corner)
    name = f"S2B_MSI{level}_{WHEN:%Y%m%dT%H%M%S}_N0510_R046_T52TCN_20240302T050000"
    root = folder / f"{name}.SAFE"
    granule = root / "GRANULE" / f"{level}_T52TCN_A036500_{WHEN:%Y%m%dT%H%M%S}"
    images = granule / "IMG_DATA"
    images.mkdir(parents=True)
    (root / "manifest.safe").write_text("<xfdu/>")
    side = data.shape[1]
    shift = f"<BOA_ADD_OFFSET band_id='1'>{offset}</BOA_ADD_OFFSET>" if level == "L2A" else ""
    shift = shift or f"<RADIO_ADD_OFFSET band_id='1'>{offset}</RADIO_ADD_OFFSET>"
    (root / f"MTD_MSI{level}.xml").write_text(
        f"<n1:Level xmlns:n1='x'><PRODUCT_START_TIME>{WHEN:%Y-%m-%dT%H:%M:%S}.024Z</PRODUCT_START_TIME>"
        f"<{'BOA_' if level == 'L2A' else ''}QUANTIFICATION_VALUE unit='none'>10000"
        f"</{'BOA_' if level == 'L2A' else ''}QUANTIFICATION_VALUE>{shift if offset else ''}</n1:Level>"
    )
    sizes = "".join(
        f"<Size resolution='{r}'><NROWS>{side * 10 // r}</NROWS><NCOLS>{side * 10 // r}</NCOLS></Size>"
        f"<Geoposition resolution='{r}'><ULX>{east:.0f}</ULX><ULY>{north:.0f}</ULY><XDIM>{r}</XDIM></Geoposition>"
        for r in (10, 20, 60)
    )
    (granule / "MTD_TL.xml").write_text(
        f"<n1:Tile xmlns:n1='x'><HORIZONTAL_CS_CODE>EPSG:{code}</HORIZONTAL_CS_CODE>{sizes}</n1:Tile>"
    )

    def raster(path: Path, numbers: np.ndarray, pixel: float) -> None:
        path.parent.mkdir(exist_ok=True)
        with rasterio.open(
            path, "w", driver="JP2OpenJPEG", width=numbers.shape[1], height=numbers.shape[0], count=1, dtype=numbers.dtype,
            crs=f"EPSG:{code}", transform=rasterio.Affine(pixel, 0, east, 0, -pixel, north), QUALITY="100", REVERSIBLE="YES",
        ) as out:  # fmt: skip
            out.write(numbers, 1)

    stem = f"T52TCN_{WHEN:%Y%m%dT%H%M%S}"
    for number, band in enumerate(BANDS):
        values = (data[number].astype(int) - offset).astype(np.uint16)
        if band == "B11":  # measured at 20 m
            values = values.reshape(side // 2, 2, side // 2, 2).mean((1, 3)).astype(np.uint16)
        step = 20 if band == "B11" else 10
        file = images / f"R{step}m" / f"{stem}_{band}_{step}m.jp2" if level == "L2A" else images / f"{stem}_{band}.jp2"
        raster(file, values, step)
    if level == "L2A":
        classes = np.full((side // 2, side // 2), WATER, np.uint8)
        if cloud is not None:
            classes[tuple(slice(s.start // 2, s.stop // 2) for s in cloud)] = CLOUD
        raster(images / "R20m" / f"{stem}_SCL_20m.jp2", classes, 20)
    back = Transformer.from_crs(code, 4326, always_xy=True)
    truth = []
    for ship in ships:
        x, y = _from_quay(ship.along_m, -ship.off_m, size_m)
        truth.append(tuple(float(v) for v in back.transform(east + x, north - y)))
    return root, truth
