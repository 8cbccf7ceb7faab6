"""Ships in two packed harbour images of high-resolution radar (HRSID samples): precision, recall, F1.

    python bench/imagery_hrsid.py [FOLDER] [--floor 0.15]

The pictures have no georeference, so no coastline helps. A label is found when a detection's centre lies in
its box grown by 10 pixels, one detection a label; every other detection is false.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tumen.imagery import DetectSettings, Land, detect

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "hrsid_samples"
GROWN = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    args = parser.parse_args()
    hits = labels = found = 0
    for path in sorted(args.folder.glob("*.json")):
        boxes = json.loads(path.read_text())["boxes_xywh_area"]
        settings = DetectSettings(sensor="sar", chips=False, min_probability=args.floor)
        rows = detect([str(path.with_suffix(".png"))], land=Land(osm=False), settings=settings)[
            "detections"
        ].to_pylist()
        free = list(rows)
        hit = 0
        for x, y, w, h, _ in sorted(boxes, key=lambda b: b[4]):
            inside = [r for r in free if x - GROWN <= r["x"] <= x + w + GROWN and y - GROWN <= r["y"] <= y + h + GROWN]
            if inside:
                free.remove(min(inside, key=lambda r: abs(r["x"] - x - w / 2) + abs(r["y"] - y - h / 2)))
                hit += 1
        print(f"{path.stem}: {hit} of {len(boxes)} ships, {len(free)} of {len(rows)} detections false")
        hits, labels, found = hits + hit, labels + len(boxes), found + len(rows)
    precision, recall = hits / max(found, 1), hits / max(labels, 1)
    print(
        f"precision {precision:.2f}, recall {recall:.2f}, F1 {2 * precision * recall / max(precision + recall, 1e-9):.2f}"
    )


if __name__ == "__main__":
    main()
