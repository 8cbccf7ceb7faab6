"""Another training of the optical ship network, tried against bench/imagery_train.py and not shipped (docs/imagery.md).

    python bench/imagery_train_harder.py PORTS_FOLDER OUT_FOLDER [--steps 1500] [--single] [--seed 1] [--base 8]

Needs torch and onnx. Ships and ground get a colour of their own in every window, copies of the ports are made anew with
other ships at other quays, and places where the network marks hulls that no label holds are looked at again. Writes
`ships-without-PORT.onnx` (--single: one port left out each, else two) and their mean, `ships.onnx`; score them with
bench/imagery_s2_ports.py --networks OUT_FOLDER.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from imagery_train import (
    BATCH,
    CROP,
    WORLDS,
    Network,
    average,
    cut_outs,
    lacks,
    missed,
    pairs,
    port,
    prepare,
    together,
    weather,
    windows,
    with_ships,
    write,
)

FRESH, MINE = 60, 400  # steps after which a copy is made anew, and after which false hulls are looked for


def spot(p: dict, rng: np.random.Generator) -> tuple[float, float]:
    """Where to look in a world: beside a ship, where a hull was marked that is none, along a shore, or anywhere."""
    height, width = p["size"]
    draw = rng.random()
    if draw < 0.5 and p["ships"]:
        cx, cy, *_ = p["ships"][rng.integers(len(p["ships"]))]
        return cx + rng.uniform(-34, 34), cy + rng.uniform(-34, 34)
    for least, spots, reach in ((0.7, p["hard"], 34), (0.95, p["shore"], 30)):
        if draw < least and len(spots):
            cy, cx = spots[rng.integers(len(spots))] + rng.uniform(-reach, reach, 2)
            return cx, cy
    return rng.uniform(0, width), rng.uniform(0, height)


def batch(worlds: list[dict], share: np.ndarray, rng: np.random.Generator):
    """Augmented windows in which ships and ground get a brightness and a colour of their own: neither is known by it."""
    pack = windows(worlds, share, rng, spot)
    x, y, w = pack[:, :7].numpy(), (pack[:, 7:9] > 0.5).float(), pack[:, 9:]
    hull = pack[:, 7:8].numpy()
    dry = np.clip((x[:, :5].max(1, keepdims=True) - 0.15) * 5, 0, 1)
    for part, loud in ((hull, 0.16), ((1 - hull) * dry, 0.12)):
        colour = rng.normal(0, loud, (BATCH, 1, 1, 1)) + rng.normal(0, loud / 3, (BATCH, 5, 1, 1))
        x[:, :5] += (part * colour * (rng.random((BATCH, 1, 1, 1)) < 0.6)).astype(np.float32)
    # Ground is patchy: a field of slow noise over what is dry and no ship.
    field = F.interpolate(
        torch.from_numpy(rng.standard_normal((BATCH, 1, 13, 13), np.float32)), size=(CROP, CROP), mode="bilinear"
    ).numpy()
    x[:, :5] += (1 - hull) * dry * field * rng.uniform(0, 0.2, (BATCH, 1, 1, 1)).astype(np.float32)
    weather(x, rng)
    lacks(x, rng, unknown=0.2, soft=0.3)
    return torch.from_numpy(np.clip(x, -1.5, 3)), y, w


def false_spots(model: Network, p: dict) -> np.ndarray:
    """Where a network marks hulls that no label holds, (n, 2) of row and column: training looks there again."""
    _, height, width = p["x"].shape
    wanted = ndimage.maximum_filter(p["y"][0], 7) > 0
    marked = np.zeros((height, width), np.float32)
    model.eval()
    with torch.no_grad():
        for y in range(0, height, 320):
            for x in range(0, width, 320):
                part = p["x"][:, y : y + 320, x : x + 320]
                h, w = part.shape[1:]
                part = np.pad(part, ((0, 0), (0, -h % 8), (0, -w % 8)), mode="edge")
                z = model(torch.from_numpy(part[None]).contiguous(memory_format=torch.channels_last))
                marked[y : y + h, x : x + w] = torch.sigmoid(z)[0, 0, :h, :w].numpy()
    model.train()
    labels, n = ndimage.label((marked > 0.3) & ~wanted & (p["w"] > 0.2))
    sizes = ndimage.sum_labels(labels > 0, labels, np.arange(1, n + 1)) if n else np.zeros(0)
    spots = [b for b, size in zip(ndimage.find_objects(labels), sizes, strict=True) if size >= 4]
    return np.array([[(b[0].start + b[0].stop) / 2, (b[1].start + b[1].stop) / 2] for b in spots]).reshape(-1, 2)


def fit(ports: list[dict], steps: int, seed: int, base: int = 8) -> Network:
    torch.set_num_threads(1)  # spinning threads lose more than they win on shared cores
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    began = time.process_time()
    store = cut_outs(ports)
    worlds, share = [], []
    for p in ports:
        for k in range(WORLDS + 1):
            world = p if k == 0 else with_ships(p, store, rng)
            worlds.append({**prepare(world), "hard": np.zeros((0, 2))})
            # The port as it is counts as much as all its copies together.
            share.append(np.sqrt(len(p["ships"])) * (0.5 if k == 0 else 0.5 / WORLDS))
    share = np.array(share) / np.sum(share)
    print(
        f"{len(store)} cut-outs, {sum(len(w['ships']) for w in worlds)} ships, {time.process_time() - began:.0f} s",
        flush=True,
    )
    model = Network(base=base).to(memory_format=torch.channels_last)
    kept = Network(base=base)
    kept.load_state_dict(model.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps, pct_start=0.15)
    model.train()
    for step in range(steps):
        if step % FRESH == FRESH - 1:  # one copy is made anew, with other ships at other quays
            which = rng.integers(len(ports))
            k = which * (WORLDS + 1) + 1 + rng.integers(WORLDS)
            worlds[k] = {**prepare(with_ships(ports[which], store, rng)), "hard": worlds[k]["hard"]}
        if step % MINE == MINE - 1 and step < 0.85 * steps:
            for i, p in enumerate(ports):
                hard = false_spots(kept, p)
                for k in range(WORLDS + 1):
                    worlds[i * (WORLDS + 1) + k]["hard"] = hard
            kept.train()
        x, y, w = batch(worlds, share, rng)
        with torch.autocast("cpu", torch.bfloat16):
            z = model(x.contiguous(memory_format=torch.channels_last))
        total = missed(z.float(), y, w)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
        average(kept, model, step, 0.995)
        if step % 100 == 99:
            hard = sum(len(w["hard"]) for w in worlds[:: WORLDS + 1])
            print(step + 1, f"{float(total.detach()):.3f} {time.process_time() - began:.0f} s, {hard} hard", flush=True)
    return kept.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ports", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--single", action="store_true", help="networks that leave out one port each, twice as many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--base", type=int, default=8, help="maps in the first level of a network")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    ports = [port(p) for p in sorted(args.ports.glob("*.tif"))]
    files = []
    for left in [[p] for p in ports] if args.single else pairs(ports):
        names = {p["name"] for p in left}
        print("without", *sorted(names), flush=True)
        model = fit([p for p in ports if p["name"] not in names], args.steps, args.seed, args.base)
        for name in sorted(names):
            write(model, args.out / f"ships-without-{name}.onnx")
        files.append(args.out / f"ships-without-{min(names)}.onnx")
    together(files, args.out / "ships.onnx")


if __name__ == "__main__":
    main()
