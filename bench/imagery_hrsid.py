"""Ships in packed harbours in high-resolution radar (HRSID): precision, recall, F1, and whether probabilities hold.

    python bench/imagery_hrsid.py [FOLDER] [--floor 0.15]

FOLDER holds pictures with boxes (NAME.png, NAME.json with boxes_xywh_area) or `images/` and `masks/` of the same names;
several folders may be joined with a comma. The pictures have no georeference, so no coastline helps. A label is found
when a detection's centre lies in its box grown by 10 pixels, one detection a label; every other detection is false.
Nothing is fitted on such pictures; the least score of a ship was chosen on the two samples that are the default.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from tumen.imagery import DetectSettings, Land, detect
from tumen.imagery.scene import open_scene

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "hrsid_samples"
GROWN = 10


def pictures(folders: str) -> list[tuple[Path, list[list[float]]]]:
    """Each picture and its boxes (x, y, width, height, ...)."""
    out = []
    for folder in map(Path, folders.split(",")):
        for path in sorted(folder.glob("*.json")):
            out.append((path.with_suffix(".png"), json.loads(path.read_text())["boxes_xywh_area"]))
        for path in sorted((folder / "masks").glob("*.png")):
            scene = open_scene(path, "sar")
            mask = scene.read(next(iter(scene.bands)), 0, 0, scene.width, scene.height) > 60
            scene.close()
            label, _ = ndimage.label(mask, np.ones((3, 3)))
            spots = [(x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in ndimage.find_objects(label)]
            picture = next((folder / "images").glob(path.stem + ".*"))
            out.append((picture, [list(s) for s in spots if s[2] * s[3] >= 12]))
    return out


def match(rows: list[dict], boxes: list[list[float]]) -> list[dict]:
    """The detections that find a label; the smallest label chooses first."""
    free, hit = list(rows), []
    for x, y, w, h, *_ in sorted(boxes, key=lambda b: b[2] * b[3]):
        inside = [r for r in free if x - GROWN <= r["x"] <= x + w + GROWN and y - GROWN <= r["y"] <= y + h + GROWN]
        if inside:
            best = min(inside, key=lambda r: abs(r["x"] - x - w / 2) + abs(r["y"] - y - h / 2))
            free.remove(best)
            hit.append(best)
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=str(DEFAULT))
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    args = parser.parse_args()
    given = pictures(args.folder)
    labels, stated, held = 0, [], []
    for path, boxes in given:
        settings = DetectSettings(sensor="sar", chips=False, min_probability=args.floor)
        rows = detect([str(path)], land=Land(osm=False), settings=settings)["detections"].to_pylist()
        hit = match(rows, boxes)
        print(f"{path.stem}: {len(hit)} of {len(boxes)} ships, {len(rows) - len(hit)} of {len(rows)} detections false")
        labels += len(boxes)
        stated += [r["probability"] for r in rows]
        held += [r in hit for r in rows]
    precision, recall = sum(held) / max(len(held), 1), sum(held) / max(labels, 1)
    print(
        f"{len(given)} pictures, {labels} ships: precision {precision:.2f}, recall {recall:.2f}, "
        f"F1 {2 * precision * recall / max(precision + recall, 1e-9):.2f}"
    )
    for low, high in ((0.0, 0.6), (0.6, 0.9), (0.9, 1.01)):
        inside = [i for i, p in enumerate(stated) if low <= p < high]
        if inside:
            print(
                f"stated {np.mean([stated[i] for i in inside]):.2f}: held {np.mean([held[i] for i in inside]):.2f} "
                f"({len(inside)} detections)"
            )


if __name__ == "__main__":
    main()
