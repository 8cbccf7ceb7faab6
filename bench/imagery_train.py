"""Train the optical ship network on the labelled Sentinel-2 ports and write it as ONNX.

    python bench/imagery_train.py PORTS_FOLDER OUT_FOLDER [--steps 280] [--folds]

Needs torch and onnx (not dependencies of Tumen). With --folds networks that never saw two ports are written too,
`ships-without-PORT.onnx`, for the left-out figures of bench/imagery_s2_ports.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import OPTICAL, open_scene
from tumen.imagery.water import align, layers, water

CROP = 96


class Network(nn.Module):
    """A U-Net of three levels; two outputs: the ship's mask, and its core (for parting neighbours)."""

    def __init__(self, channels: int = 7, base: int = 8) -> None:
        super().__init__()
        b = base
        self.d1, self.d2, self.d3, self.d4 = pair(channels, b), pair(b, 2 * b), pair(2 * b, 4 * b), pair(4 * b, 6 * b)
        self.u3, self.u2, self.u1 = pair(10 * b, 4 * b), pair(6 * b, 2 * b), pair(3 * b, b)
        self.out = nn.Conv2d(b, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.d3(F.max_pool2d(b, 2))
        d = self.d4(F.max_pool2d(c, 2))
        up = lambda v: F.interpolate(v, scale_factor=2.0, mode="nearest")  # noqa: E731
        c = self.u3(torch.cat([up(d), c], 1))
        b = self.u2(torch.cat([up(c), b], 1))
        a = self.u1(torch.cat([up(b), a], 1))
        return self.out(a)


def pair(i: int, o: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
        nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
    )  # fmt: skip


def rectangle(shape, cx, cy, length, width, angle):
    """Pixels of an oriented rectangle."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    u = (x + 0.5 - cx) * np.cos(angle) + (y + 0.5 - cy) * np.sin(angle)
    v = -(x + 0.5 - cx) * np.sin(angle) + (y + 0.5 - cy) * np.cos(angle)
    return (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2)


def port(path: Path) -> dict:
    scene = open_scene(path)
    bands = {b: scene.read(b, 0, 0, scene.width, scene.height) * np.float32(scene.scale) for b in OPTICAL}
    land = land_share(Land(), scene.geo, 0, 0, scene.width, scene.height)
    valid = np.ones((scene.height, scene.width), bool)
    sea = water(bands, land, valid)
    wet = bands["B03"] > bands["B08"]
    land = np.roll(land, align(land, wet), (0, 1))
    level = dict(zip(bands, sea.level, strict=True))
    data = layers(bands, land, level)
    mask, core = np.zeros((2, scene.height, scene.width), np.float32)
    stand_off = data[:5].max(0)
    ships = []
    size = scene.mean_pixel_m
    for f in json.loads(path.with_name(path.stem + "_vessels.geojson").read_text())["features"]:
        p = f["properties"]
        bx, by, bw, bh = p["bbox_xywh"]
        cx, cy = bx + bw / 2, by + bh / 2
        length, width = p["mask_length_m"] / size, p["mask_width_m"] / size
        width = min(width, p["area_px"] / length * 1.1)
        angles = np.linspace(0, np.pi / 2, 91)
        miss = np.abs(length * np.cos(angles) + width * np.sin(angles) - bw) + np.abs(
            length * np.sin(angles) + width * np.cos(angles) - bh
        )
        angle = angles[miss.argmin()]
        y0, x0 = max(0, int(cy - 40)), max(0, int(cx - 40))
        part = (slice(y0, y0 + 81), slice(x0, x0 + 81))
        best = max(
            (angle, -angle),
            key=lambda a: (stand_off[part] * (land[part] < 0.5))[
                rectangle(land[part].shape, cx - x0, cy - y0, length, max(2.0, width * 0.7), a)
            ].mean(),
        )
        w = np.clip(width * 0.75, 2.2, 7)
        body = rectangle(land[part].shape, cx - x0, cy - y0, length, w, best)
        axis = rectangle(land[part].shape, cx - x0, cy - y0, max(length - 3, 2.2), max(1.5, w * 0.45), best)
        mask[part] = np.maximum(mask[part], body)
        core[part] = np.maximum(core[part], axis)
        ships.append((cx, cy, length, w, best))
    # Bright things at sea without a label are often unlabelled vessels: they count little against the network,
    # unless they are too large to be one (breakwaters, bridges) or the rim of the land itself.
    dry = (ndimage.grey_dilation(stand_off, 3) > 0.35) & (land < 0.5)
    parts, _ = ndimage.label(dry & (mask == 0))
    large = np.zeros(parts.max() + 1, bool)
    for i, box in enumerate(ndimage.find_objects(parts), 1):
        extent = np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start)
        large[i] = extent * size > 430 or (parts[box] == i).sum() > 350
    rim = ndimage.binary_dilation(land > 0.5, iterations=2)
    unsure = dry & (mask == 0) & ~large[parts] & ~rim
    weight = np.where(unsure, 0.4, 1.0).astype(np.float32)
    edge = ndimage.binary_dilation(mask > 0, iterations=1) & (mask == 0)
    weight[edge] = 0.5
    shore = np.argwhere(dry & ~ndimage.binary_dilation(mask > 0, iterations=6))
    return {
        "name": path.stem.split("_")[0],
        "shore": shore,
        "x": data,
        "y": np.stack([mask, core]),
        "w": weight,
        "ships": ships,
        "land": land,
    }


def crop(data: dict, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One augmented window: turned, scaled, shifted, dimmed, its land moved or dropped."""
    x, y, w = data["x"], data["y"], data["w"]
    height, width = w.shape
    draw = rng.random()
    if draw < 0.6 and data["ships"]:
        cx, cy, *_ = data["ships"][rng.integers(len(data["ships"]))]
        cx, cy = cx + rng.uniform(-36, 36), cy + rng.uniform(-36, 36)
    elif draw < 0.9 and len(data["shore"]):
        cy, cx = data["shore"][rng.integers(len(data["shore"]))] + rng.uniform(-30, 30, 2)
    else:
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
    turn, zoom = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-0.3, 0.25))
    flip = rng.choice([-1, 1])
    c, s = np.cos(turn) / zoom, np.sin(turn) / zoom
    matrix = np.array([[c, -s * flip], [s, c * flip]])
    half = np.array([CROP / 2, CROP / 2])
    offset = np.array([cy, cx]) - matrix @ half
    take = lambda a, o, mode: ndimage.affine_transform(a, matrix, offset, (CROP, CROP), order=o, mode=mode)  # noqa: E731
    order = 1
    xs = np.stack([take(v, order, "reflect") for v in x])
    ys = np.stack([take(v, 1, "reflect") for v in y])
    ws = take(w, 0, "reflect")
    xs[:5] += rng.normal(0, 0.06, (5, 1, 1)) + rng.normal(0, 0.08)  # level and colour of the water
    xs[:5] *= np.exp(rng.normal(0, 0.12))
    xs[:5] += rng.normal(0, rng.uniform(0, 0.03), xs[:5].shape)
    if rng.random() < 0.25:
        xs[5:] = 0  # land unknown
    else:
        xs[5] = np.roll(xs[5], rng.integers(-2, 3, 2), (0, 1))
    if rng.random() < 0.15:  # a picture without short-wave infrared
        xs[4] = xs[3]
    return xs.astype(np.float32), (ys > 0.5).astype(np.float32), ws.astype(np.float32)


def fit(ports: list[dict], steps: int, seed: int) -> Network:
    torch.set_num_threads(1)  # spinning threads lose more than they win on shared cores
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Network()
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps, pct_start=0.2)
    share = np.array([np.sqrt(len(p["ships"])) for p in ports])
    share /= share.sum()
    model.train()
    for step in range(steps):
        batch = [crop(ports[rng.choice(len(ports), p=share)], rng) for _ in range(8)]
        x, y, w = (torch.from_numpy(np.stack(v)) for v in zip(*batch, strict=True))
        z = model(x)
        loss = (
            F.binary_cross_entropy_with_logits(
                z, y, pos_weight=torch.tensor([1.5, 2.0])[None, :, None, None], reduction="none"
            )
            * w[:, None]
        ).mean()
        p = torch.sigmoid(z) * w[:, None]
        dice = 1 - (2 * (p * y).sum((0, 2, 3)) + 1) / (p.sum((0, 2, 3)) + (y * w[:, None]).sum((0, 2, 3)) + 1)
        total = 2 * loss + dice.mean()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            print(step + 1, f"{float(total.detach()):.3f}", flush=True)
    return model.eval()


def write(model: Network, path: Path) -> None:
    torch.onnx.export(
        model, (torch.zeros(1, 7, CROP, CROP),), str(path), input_names=["x"], output_names=["z"], opset_version=17, dynamo=False,
        dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}, "z": {0: "n", 2: "h", 3: "w"}},
    )  # fmt: skip


def pairs(ports: list[dict]) -> list[list[dict]]:
    """Ports left out together, many labels with few, so that half as many networks must be trained."""
    order = sorted(ports, key=lambda p: len(p["ships"]))
    half = len(order) // 2
    return (
        [[a, b] for a, b in zip(order[:half], reversed(order[half:]), strict=True)]
        if len(order) % 2 == 0
        else [[p] for p in order]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ports", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=280)
    parser.add_argument("--folds", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    ports = [port(p) for p in sorted(args.ports.glob("*.tif"))]
    if not ports:
        sys.exit(f"{args.ports}: no *.tif")
    if args.folds:
        for left in pairs(ports):
            print("without", *(p["name"] for p in left), flush=True)
            model = fit([p for p in ports if p["name"] not in {q["name"] for q in left}], args.steps, 1)
            for p in left:
                write(model, args.out / f"ships-without-{p['name']}.onnx")
    print("all ports", flush=True)
    write(fit(ports, 2 * args.steps, 1), args.out / "ships.onnx")


if __name__ == "__main__":
    main()
