"""Train the optical ship network on the labelled Sentinel-2 ports and write it as ONNX.

    python bench/imagery_train.py PORTS_FOLDER OUT_FOLDER [--steps 900] [--folds] [--fold N] [--together] [--shipped]

Needs torch and onnx (not dependencies of Tumen). With --folds networks that never saw two ports are written,
`ships-without-PORT.onnx`, for the left-out figures of bench/imagery_s2_ports.py; with --together their mean,
`ships.onnx`, which is what Tumen ships; with --shipped one network of all ports under the same name. Targets are the
published labels and our own reading of what they leave out
(bench/imagery_ports_audit.csv); what that reading calls unclear counts for nothing. Ships are also cut out and set
alongside other quays and on open water, and simple ships are drawn there, so that a network meets more pairs of ship
and quay than six ports hold.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import OPTICAL, open_scene
from tumen.imagery.water import align, layers, water

CROP, BATCH = 96, 8
WORLDS = 3  # copies of each port with ships set into them; the port as it is counts as one more
SET_IN = 45  # ships set into a copy
JETTIES = 14  # and jetties, which are no ships
AUDIT = Path(__file__).with_name("imagery_ports_audit.csv")


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


def box(shape, cx, cy, length, width, angle):
    """Pixels of an oriented rectangle."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    u = (x + 0.5 - cx) * np.cos(angle) + (y + 0.5 - cy) * np.sin(angle)
    v = -(x + 0.5 - cx) * np.sin(angle) + (y + 0.5 - cy) * np.cos(angle)
    return (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2)


def paint(mask, core, cx, cy, length, width, angle) -> None:
    """Add a ship's hull and core to the targets."""
    height, wide = mask.shape
    half = int(length / 2 + 6)
    y0, x0 = max(0, int(cy) - half), max(0, int(cx) - half)
    part = (slice(y0, min(height, int(cy) + half)), slice(x0, min(wide, int(cx) + half)))
    shape = mask[part].shape
    hull = box(shape, cx - x0, cy - y0, length, width, angle)
    axis = box(shape, cx - x0, cy - y0, max(length - 3, 2.2), max(1.5, width * 0.45), angle)
    mask[part] = np.maximum(mask[part], hull)
    core[part] = np.maximum(core[part], axis)


def port(path: Path) -> dict:
    """Layers and targets of one port."""
    name = path.stem.split("_")[0]
    scene = open_scene(path)
    bands = {b: scene.read(b, 0, 0, scene.width, scene.height) * np.float32(scene.scale) for b in OPTICAL}
    land = land_share(Land(), scene.geo, 0, 0, scene.width, scene.height)
    valid = np.ones((scene.height, scene.width), bool)
    sea = water(bands, land, valid)
    wet = bands["B03"] > bands["B08"]
    land = np.roll(land, align(land, wet), (0, 1))
    data = layers(bands, land, dict(zip(bands, sea.level, strict=True)))
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
                box(land[part].shape, cx - x0, cy - y0, length, max(2.0, width * 0.7), a)
            ].mean(),
        )
        ships.append((cx, cy, length, np.clip(width * 0.75, 2.2, 7), best))
    unclear = np.zeros(mask.shape, bool)
    for row in csv.DictReader(AUDIT.open()):
        if row["port"] != name:
            continue
        a, b, c, d = (float(row[k]) for k in ("x0", "y0", "x1", "y1"))
        if row["reading"] == "vessel":
            ships.append(
                ((a + c) / 2, (b + d) / 2, np.hypot(c - a, d - b) + 1, min(float(row["width_px"]), 7), np.arctan2(d - b, c - a))
            )  # fmt: skip
        else:
            unclear[int(b) : int(d) + 1, int(a) : int(c) + 1] = True
    for ship in ships:
        paint(mask, core, *ship)
    # Bright things at sea without a label may be vessels that nobody marked: they count little against the network,
    # unless they are too large to be one (breakwaters, bridges) or the rim of the land itself.
    dry = (ndimage.grey_dilation(stand_off, 3) > 0.35) & (land < 0.5)
    parts, _ = ndimage.label(dry & (mask == 0))
    large = np.zeros(parts.max() + 1, bool)
    for i, part in enumerate(ndimage.find_objects(parts), 1):
        extent = np.hypot(part[0].stop - part[0].start, part[1].stop - part[1].start)
        large[i] = extent * size > 430 or (parts[part] == i).sum() > 350
    rim = ndimage.binary_dilation(land > 0.5, iterations=2)
    unsure = dry & (mask == 0) & ~large[parts] & ~rim
    weight = np.where(unsure, 0.5, 1.0).astype(np.float32)
    weight[ndimage.binary_dilation(mask > 0, iterations=1) & (mask == 0)] = 0.5
    weight[unclear & (mask == 0)] = 0
    return {
        "name": name,
        "x": data,
        "y": np.stack([mask, core]),
        "w": weight,
        "ships": ships,
        "unclear": unclear,
        "dry": dry,
    }


def cut_outs(ports: list[dict]) -> list[tuple[np.ndarray, np.ndarray, float, float]]:
    """Ships lifted out of the ports, turned to lie along x: pixels (5, 13, 48), coverage, length, width."""
    out = []
    for p in ports:
        for cx, cy, length, width, angle in p["ships"]:
            c, s = np.cos(angle), np.sin(angle)
            # Output (v, u) to input (y, x): along the ship is u.
            matrix = np.array([[c, s], [-s, c]])
            offset = np.array([cy - 0.5, cx - 0.5]) - matrix @ np.array([6, 24])
            pixels = np.stack([ndimage.affine_transform(v, matrix, offset, (13, 48), order=1) for v in p["x"][:5]])
            if length > 44 or pixels.max(0)[6, 24 - int(length / 3) : 24 + int(length / 3) + 1].mean() < 0.15:
                continue
            cover = ndimage.gaussian_filter(box((13, 48), 24.5, 6.5, length, width + 0.6, 0).astype(np.float32), 0.5)
            out.append((pixels, np.clip(cover * 1.2, 0, 1), length, width))
    return out


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A simple ship: hull of one colour, hatches or containers along it, a bright house near one end."""
    length = float(np.clip(rng.lognormal(np.log(14), 0.5), 5, 38))
    width = float(np.clip(length / rng.uniform(5.5, 7.5), 2.0, 6.5))
    y, x = np.mgrid[0:13, 0:48] + 0.5
    u, v = x - 24.5, y - 6.5
    bow = np.clip((length / 2 - u) / max(width * 0.9, 1), 0, 1) ** 0.6
    cover = (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2 * bow)
    colour = rng.uniform(0.15, 1.0) + rng.normal(0, 0.18, (5, 1, 1))
    pixels = np.broadcast_to(colour, (5, 13, 48)).copy()
    pattern = rng.random()
    if pattern < 0.4:
        pixels += rng.uniform(0.1, 0.4) * np.sign(np.sin(u * 2 * np.pi / rng.uniform(2.5, 5)))
    elif pattern < 0.7:
        pixels += rng.normal(0, 0.25, (5, 13, 48))
    house = np.abs(u + length * rng.uniform(0.3, 0.42)) < rng.uniform(0.8, 2)
    pixels[:, house] = rng.uniform(0.7, 1.3) + rng.normal(0, 0.05, (5, 1))
    pixels = ndimage.gaussian_filter(pixels, (0, 0.5, 0.5))
    return pixels, ndimage.gaussian_filter(cover.astype(np.float32), 0.5), length, width


def jetty(p, x, y, w, taken, normal, ey, ex, rng) -> bool:
    """Draw a jetty, mole or pontoon from the shore into the water, of the port's own ground: it is no ship."""
    size = np.hypot(*normal)
    if size < 0.3 or not len(p["ground"]):
        return False
    turn = np.arctan2(normal[0], normal[1]) + rng.normal(0, 0.5)
    length, width = rng.uniform(8, 36), rng.uniform(1.5, 4.5)
    start = rng.uniform(-1.5, 0.5) if rng.random() < 0.93 else rng.uniform(3, 8)
    cy, cx = ey + 0.5 + np.sin(turn) * (start + length / 2), ex + 0.5 + np.cos(turn) * (start + length / 2)
    part = (slice(ey - 45, ey + 45), slice(ex - 45, ex + 45))
    body = box((90, 90), cx - ex + 45, cy - ey + 45, length, width, turn).astype(np.float32)
    if rng.random() < 0.4:  # a head across its end
        hy, hx = ey + 0.5 + np.sin(turn) * (start + length), ex + 0.5 + np.cos(turn) * (start + length)
        head = box((90, 90), hx - ex + 45, hy - ey + 45, rng.uniform(5, 22), rng.uniform(1.5, 4), turn + np.pi / 2)
        body = np.maximum(body, head)
    if (taken[part] & (body > 0)).any():
        return False
    gy, gx = p["ground"][rng.integers(len(p["ground"]))]
    alpha = ndimage.gaussian_filter(body, 0.5)
    for band in range(5):
        seen = x[band, gy, gx] + rng.normal(0, 0.05, (90, 90))
        x[band][part] = x[band][part] * (1 - alpha) + np.clip(seen, 0.1, 2) * alpha
    if rng.random() < 0.4:
        x[5][part] = np.maximum(x[5][part], body)
    w[part] = np.where((body > 0) & (y[0][part] == 0), 1.0, w[part])
    taken[part] |= ndimage.binary_dilation(body > 0, iterations=1)
    return True


def with_ships(p: dict, store: list, rng: np.random.Generator) -> dict:
    """A copy of a port with ships set alongside its quays and on its water."""
    x, y, w = p["x"].copy(), p["y"].copy(), p["w"].copy()
    _, height, wide = x.shape
    solid = ndimage.binary_opening(p["dry"] | (x[5] > 0.5), iterations=1)
    from_water = ndimage.distance_transform_edt(~solid)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(from_water, 2.0)))
    taken = ndimage.binary_dilation((y[0] > 0) | p["unclear"], iterations=2)
    edge = np.argwhere((from_water > 0) & (from_water < 1.5))
    ground = np.argwhere(solid & ~taken)
    p = {**p, "ground": ground}
    jetties = 0
    ships = list(p["ships"])
    for _ in range(JETTIES * 4):
        if not len(edge):
            break
        ey, ex = edge[rng.integers(len(edge))]
        if 45 < ey < height - 45 and 45 < ex < wide - 45 and jetty(p, x, y, w, taken, slope[:, ey, ex], ey, ex, rng):
            jetties += 1
            if jetties == JETTIES:
                break
    for _ in range(SET_IN * 6):
        if len(ships) - len(p["ships"]) >= SET_IN or not len(edge):
            break
        pixels, cover, length, width = store[rng.integers(len(store))] if rng.random() < 0.65 else drawn(rng)
        ey, ex = edge[rng.integers(len(edge))]
        if not (30 < ey < height - 30 and 30 < ex < wide - 30):
            continue
        if rng.random() < 0.8:
            normal = slope[:, ey, ex]
            size = np.hypot(*normal)
            if size < 0.5:  # a corner: no direction to lie along
                continue
            normal = normal / size
            away = width / 2 + rng.uniform(-1.4, 0.4)
            cy, cx = ey + 0.5 + normal[0] * away, ex + 0.5 + normal[1] * away
            angle = np.arctan2(normal[0], normal[1]) + np.pi / 2 * rng.choice([-1, 1]) + rng.normal(0, 0.03)
            if rng.random() < 0.15:  # stern to the quay
                angle += np.pi / 2
                cy, cx = ey + 0.5 + normal[0] * length / 2, ex + 0.5 + normal[1] * length / 2
        else:
            cy, cx, angle = ey + rng.uniform(-25, 25), ex + rng.uniform(-25, 25), rng.uniform(0, 2 * np.pi)
        if not (30 < cy < height - 30 and 30 < cx < wide - 30):
            continue
        y0, x0 = int(cy) - 28, int(cx) - 28
        part = (slice(y0, y0 + 56), slice(x0, x0 + 56))
        here = box((56, 56), cx - x0, cy - y0, length, width, angle)
        if (solid[part] & here).sum() > 0.3 * here.sum() or (taken[part] & here).any():
            continue
        c, s = np.cos(angle), np.sin(angle)
        matrix = np.array([[c, -s], [s, c]])  # output (y, x) to the ship's (v, u)
        offset = np.array([6, 24]) - matrix @ np.array([cy - 0.5 - y0, cx - 0.5 - x0])
        alpha = ndimage.affine_transform(cover, matrix, offset, (56, 56), order=1)
        gain, lift = np.exp(rng.normal(0, 0.15)), rng.normal(0, 0.06)
        for band in range(5):
            seen = ndimage.affine_transform(pixels[band], matrix, offset, (56, 56), order=1, mode="nearest")
            x[band][part] = x[band][part] * (1 - alpha) + (seen * gain + lift) * alpha
        ring = ndimage.binary_dilation(here) & ~here & (y[0][part] == 0)
        w[part] = np.where(here, 1.0, np.where(ring, np.minimum(w[part], 0.5), w[part]))
        paint(y[0], y[1], cx, cy, length, width, angle)
        taken[part] |= ndimage.binary_dilation(here, iterations=1)
        ships.append((cx, cy, length, width, angle))
    return {"x": x, "y": y, "w": w, "ships": ships, "dry": p["dry"], "first": len(p["ships"])}


def prepare(p: dict) -> dict:
    """What crops are drawn from: one padded tensor of layers, targets and weight, and where to look."""
    shore = np.argwhere(p["dry"] & ~ndimage.binary_dilation(p["y"][0] > 0, iterations=6))
    pack = np.concatenate([p["x"], p["y"], p["w"][None]]).astype(np.float32)
    pad = 80
    pack = np.pad(pack, ((0, 0), (pad, pad), (pad, pad)), mode="reflect")
    return {"pack": torch.from_numpy(pack), "ships": p["ships"], "shore": shore, "pad": pad, "size": p["w"].shape}


def spot(p: dict, rng: np.random.Generator) -> tuple[float, float]:
    """Where to look in a world: beside a ship, along a shore, or anywhere."""
    height, width = p["size"]
    draw = rng.random()
    if draw < 0.6 and p["ships"]:
        cx, cy, *_ = p["ships"][rng.integers(len(p["ships"]))]
        return cx + rng.uniform(-34, 34), cy + rng.uniform(-34, 34)
    if draw < 0.93 and len(p["shore"]):
        cy, cx = p["shore"][rng.integers(len(p["shore"]))] + rng.uniform(-30, 30, 2)
        return cx, cy
    return rng.uniform(0, width), rng.uniform(0, height)


def windows(worlds: list[dict], share: np.ndarray, rng: np.random.Generator, where=spot) -> torch.Tensor:
    """Windows of some worlds, turned, mirrored and scaled: bands, truth and weight (BATCH, 10, CROP, CROP)."""
    cut, grids = [], []
    for _ in range(BATCH):
        p = worlds[rng.choice(len(worlds), p=share)]
        height, width = p["size"]
        cx, cy = where(p, rng)
        cx, cy = np.clip(cx, 0, width - 1), np.clip(cy, 0, height - 1)
        half = 80
        x0, y0 = int(cx), int(cy)  # in the padded tensor the window starts at centre - 80 + pad
        cut.append(p["pack"][:, y0 : y0 + 2 * half, x0 : x0 + 2 * half])
        turn, zoom, flip = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-0.42, 0.4)), rng.choice([-1, 1])
        c, s = np.cos(turn) / zoom * CROP / 2 / half, np.sin(turn) / zoom * CROP / 2 / half
        grids.append([[c, -s * flip, 0], [s, c * flip, 0]])
    grid = F.affine_grid(
        torch.tensor(np.array(grids), dtype=torch.float32), [BATCH, 1, CROP, CROP], align_corners=False
    )
    return F.grid_sample(torch.stack(cut), grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def weather(x: np.ndarray, rng: np.random.Generator) -> None:
    """Another light, other bands and noise, in place."""
    # Ports differ most in how far quays and hulls stand off the water (0.5 in Busan, 1.7 in Honolulu).
    x[:, :5] *= np.exp(rng.normal(0, 0.35, (BATCH, 1, 1, 1)) + rng.normal(0, 0.08, (BATCH, 5, 1, 1)))
    x[:, :5] += rng.normal(0, 0.06, (BATCH, 5, 1, 1)) + rng.normal(0, 0.09, (BATCH, 1, 1, 1))
    x[:, :5] += (rng.standard_normal(x[:, :5].shape, np.float32) * rng.uniform(0, 0.04, (BATCH, 1, 1, 1))).astype(
        np.float32
    )


def lacks(x: np.ndarray, rng: np.random.Generator, unknown: float = 0.25, soft: float = 0.0) -> None:
    """Bands that are missing, pictures that are soft, land that has moved or is not known, in place."""
    for i in range(BATCH):
        draw = rng.random()
        if draw < 0.12:  # red, green and blue alone
            x[i, 3] = x[i, 4] = x[i, 2]
        elif draw < 0.25:  # no short-wave infrared
            x[i, 4] = x[i, 3]
        if soft and rng.random() < soft:  # haze, resampling
            x[i, :5] = ndimage.gaussian_filter(x[i, :5], (0, *[rng.uniform(0.2, 0.8)] * 2))
        if rng.random() < unknown:
            x[i, 5:] = 0  # land unknown
        else:
            x[i, 5] = np.roll(x[i, 5], rng.integers(-2, 3, 2), (0, 1))
            if rng.random() < 0.3:  # a pier that the coastline does not hold
                a, b = rng.integers(0, CROP - 30, 2)
                x[i, 5, a : a + rng.integers(10, 50), b : b + rng.integers(10, 50)] = 0
            x[i, 6] = 1


def batch(worlds: list[dict], share: np.ndarray, rng: np.random.Generator):
    """Augmented windows: turned, mirrored, scaled, dimmed, land moved or unknown, bands missing."""
    pack = windows(worlds, share, rng)
    x, y, w = pack[:, :7].numpy(), (pack[:, 7:9] > 0.5).float(), pack[:, 9:]
    weather(x, rng)
    lacks(x, rng)
    return torch.from_numpy(x), y, w


def missed(z: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Loss: weighed cross entropy and one minus the Dice overlap."""
    weight = torch.tensor([1.5, 2.0])[None, :, None, None]
    loss = (F.binary_cross_entropy_with_logits(z, y, pos_weight=weight, reduction="none") * w).mean()
    p = torch.sigmoid(z) * w
    dice = 1 - (2 * (p * y).sum((0, 2, 3)) + 1) / (p.sum((0, 2, 3)) + (y * w).sum((0, 2, 3)) + 1)
    return 2 * loss + dice.mean()


def average(kept: Network, model: Network, step: int, most: float) -> None:
    """Move a running mean of the weights on: worth as much as a longer training."""
    with torch.no_grad():
        keep = min(most, (step + 1) / (step + 10))
        for a, b in zip(kept.state_dict().values(), model.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.mul_(keep).add_(b, alpha=1 - keep)


def fit(ports: list[dict], steps: int, seed: int) -> Network:
    torch.set_num_threads(1)  # spinning threads lose more than they win on shared cores
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    began = time.process_time()
    store = cut_outs(ports)
    worlds, share = [], []
    for p in ports:
        for k in range(WORLDS + 1):
            world = p if k == 0 else with_ships(p, store, rng)
            worlds.append(prepare(world))
            # The port as it is counts as much as all its copies together.
            share.append(np.sqrt(len(p["ships"])) * (0.5 if k == 0 else 0.5 / WORLDS))
    share = np.array(share) / np.sum(share)
    print(
        f"{len(store)} cut-outs, {sum(len(w['ships']) for w in worlds)} ships, {time.process_time() - began:.0f} s",
        flush=True,
    )
    model, kept = Network(), Network()
    kept.load_state_dict(model.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps, pct_start=0.2)
    model.train()
    for step in range(steps):
        x, y, w = batch(worlds, share, rng)
        total = missed(model(x), y, w)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
        average(kept, model, step, 0.98)
        if step % 50 == 49:
            print(step + 1, f"{float(total.detach()):.3f} {time.process_time() - began:.0f} s", flush=True)
    return kept.eval()


def write(model: Network, path: Path) -> None:
    torch.onnx.export(
        model, (torch.zeros(1, 7, CROP, CROP),), str(path), input_names=["x"], output_names=["z"], opset_version=17, dynamo=False,
        dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}, "z": {0: "n", 2: "h", 3: "w"}},
    )  # fmt: skip


def together(files: list[Path], path: Path) -> None:
    """Write the mean of several networks (of their scores before the logistic) as one network."""
    import onnx
    from onnx import helper

    nodes, weights, ends = [], [], []
    for number, file in enumerate(files):
        model = onnx.compose.add_prefix(onnx.load(file), f"{number}/")
        graph = model.graph
        for node in graph.node:
            node.input[:] = ["x" if name == f"{number}/x" else name for name in node.input]
            nodes.append(node)
        weights += list(graph.initializer)
        ends.append(f"{number}/z")
    nodes.append(helper.make_node("Mean", ends, ["z"]))
    first = onnx.load(files[0])
    made = helper.make_model(
        helper.make_graph(nodes, "ships", list(first.graph.input), list(first.graph.output), weights),
        opset_imports=list(first.opset_import), ir_version=first.ir_version,
    )  # fmt: skip
    onnx.checker.check_model(made)
    onnx.save(made, str(path))


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ports", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--folds", action="store_true", help="networks that leave out two ports each")
    parser.add_argument("--fold", type=int, help="only this one of the three, 0 to 2")
    parser.add_argument("--shipped", action="store_true", help="the network of all ports")
    parser.add_argument("--together", action="store_true", help="the mean of the networks that --folds made")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    ports = [port(p) for p in sorted(args.ports.glob("*.tif"))]
    if not ports:
        sys.exit(f"{args.ports}: no *.tif")
    if args.folds:
        for number, left in enumerate(pairs(ports)):
            if args.fold not in (None, number):
                continue
            print("without", *(p["name"] for p in left), flush=True)
            model = fit([p for p in ports if p["name"] not in {q["name"] for q in left}], args.steps, 1)
            for p in left:
                write(model, args.out / f"ships-without-{p['name']}.onnx")
    if args.together:
        files = [args.out / f"ships-without-{left[0]['name']}.onnx" for left in pairs(ports)]
        together(files, args.out / "ships.onnx")
    if args.shipped:
        print("all ports", flush=True)
        write(fit(ports, args.steps, 1), args.out / "ships.onnx")


if __name__ == "__main__":
    main()
