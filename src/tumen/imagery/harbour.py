"""Ships in radar pictures that resolve the hull, at sea, alongside and packed, without a coastline.

Takes a `Scene` of amplitude whose pixels are finer than 5 m, or a bare 8-bit picture; gives `Ship` objects.
The sea is found in the picture itself: the darkest wide surface, its level followed from place to place. What
rises over it is a tree of pieces, one level of thresholds inside the other (component tree, Salembier et al.
1998), and of the parts of pieces between dark lines; each is scored as a ship by the water at its ends and sides,
elongation, fill, brightness and size, and the pieces that tell most without overlap are kept: a bright city is too
large to be a ship, but the ship at its quay is a piece of its own some levels up, and two hulls abreast are parted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import numpy as np
from scipy import ndimage

from tumen.imagery.faults import SceneFault
from tumen.imagery.land import Land, land_mask
from tumen.imagery.scene import Scene
from tumen.imagery.shape import Rectangle, Ship, angle_sd, rectangle

FINE_M = 5.0  # pixels from here on blur a hull into a blob: then the ring test is the better one
WINDOW, OVERLAP = 2048, 640  # pixels; a ship of 400 m at 0.75 m a pixel is 530
BLOCK = 64
SPECKLE_SIGMA, TEXTURE_SIGMA, LEVEL_SIGMA = 1.0, 4.0, 40.0  # pixels: of the test, of the sea mask, of the sea's level
SEA_FACTOR = 2.5  # over the sea's level, 4 dB: the smoothed sea stays below
NARROW = 3  # pixels: half the width of water that counts as sea
SEA_SHARE, SEA_PIXELS = 0.01, 1500  # smallest connected water, share of a window and pixels
REACH = 12  # pixels: the smoothing keeps the sea mask away from bright things by its own width
TAIL = 0.9995  # of the sea's pixels lie below the first threshold
FIRST, STEP, STEPS = 4.0, 1.7, 10  # lowest first threshold, ratio of thresholds (2.3 dB), number of them: 25 dB
SMALLEST = 14  # pixels of a piece
LARGEST = 0.1  # of a window
MOST_LOOKED = 0.35  # of the brightest contrast that the numbers can hold: 8-bit pictures saturate
BRIGHT = 80.0  # contrast of a steel hull, 19 dB
# Log-odds, one in six: what is less likely is not reported. On simulated harbours F1 is the same from here to one in three;
# real hulls differ more than simulated ones do.
LEAST = -1.5
ABREAST, IN_LINE = 0.12, 0.3  # depth of the valley in log brightness that parts hulls side by side, and end to end
BLUR_PX = 1.5  # that the threshold adds to an extent


@dataclass
class Piece:
    """A connected set of pixels over one threshold."""

    y: np.ndarray
    x: np.ndarray
    parent: int | None
    box: Rectangle | None = None
    contrast: float = 0.0  # its bright tenth over the sea
    water: float = 0.0  # share of its surroundings that is sea
    fill: float = 0.0  # of its rectangle
    edge: float = 0.0  # contact with the picture's edge, in widths
    split: bool = False  # cut out of a wider piece
    attached: bool = False  # grows out of something much larger
    solid: float = 0.0  # median over bright tenth: a hull is bright throughout
    level: float = 0.0  # its threshold over the first one
    grown: float = 1.0  # share of its parent's pixels
    stands: float = 0.0  # log of its mean over that of what adjoins it and is no sea
    wet: tuple[float, float, float, float] = (
        0.0,
        0.0,
        0.0,
        0.0,
    )  # share of sea: the drier and the wetter end, then side
    score: float = -9.0
    children: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Harboured:
    """What one pass over a picture gives."""

    ships: list[Ship]
    usable: np.ndarray  # share of pixels with data in each 64 x 64 block
    water_px: float


def is_fine(scene: Scene) -> bool:
    """Whether the hull is resolved: pixels below 5 m, or a bare 8-bit picture of unknown scale."""
    if scene.kind != "sar" or scene.sensor == "Sentinel-1":
        return False
    if scene.mean_pixel_m is not None:
        return scene.mean_pixel_m < FINE_M
    band = next(iter(scene.bands.values()))
    return bool(scene.dataset(band.path).dtypes[band.index - 1] == "uint8")


def search(scene: Scene, land: Land | None) -> Harboured:
    """Search a picture window by window; a ship belongs to the window whose inner part holds its centre."""
    usable = np.zeros((-(-scene.height // BLOCK), -(-scene.width // BLOCK)))
    ships: list[Ship] = []
    water = 0.0
    step = WINDOW - OVERLAP
    for y0 in _starts(scene.height, step):
        for x0 in _starts(scene.width, step):
            height, width = min(WINDOW, scene.height - y0), min(WINDOW, scene.width - x0)
            intensity, valid, top = _intensity(scene, x0, y0, width, height)
            by, bx = y0 // BLOCK, x0 // BLOCK
            part = _blocks(valid)
            spot = usable[by : by + part.shape[0], bx : bx + part.shape[1]]
            np.maximum(spot, part, out=spot)
            if not valid.any():
                continue
            dry = land_mask(land, scene.geo, x0, y0, width, height)
            found, wet = search_window(intensity, valid, top, dry, scene.mean_pixel_m)
            inner = _inner(y0, scene.height), _inner(x0, scene.width)
            water += float(wet[inner[0][0] - y0 : inner[0][1] - y0, inner[1][0] - x0 : inner[1][1] - x0].sum())
            for ship in found:
                ship.x, ship.y = ship.x + x0, ship.y + y0
                if inner[0][0] <= ship.y < inner[0][1] and inner[1][0] <= ship.x < inner[1][1]:
                    ships.append(ship)
    if not usable.any():
        raise SceneFault(scene.path, "no pixel holds data", "an image")
    return Harboured(ships, usable, water)


def _starts(size: int, step: int) -> list[int]:
    return list(range(0, max(1, size - OVERLAP), step // BLOCK * BLOCK))


def _inner(start: int, size: int) -> tuple[int, int]:
    """Part of a window that no other window owns."""
    half = OVERLAP // 2
    step = (WINDOW - OVERLAP) // BLOCK * BLOCK
    first = 0 if start == 0 else start + half
    last = size if start + step >= max(1, size - OVERLAP) else start + step + half
    return first, last


def _intensity(scene: Scene, x: int, y: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Intensity (the mean of the polarisations, each over its median), where there is data, and the largest possible."""
    total = np.zeros((height, width), np.float32)
    valid = np.ones((height, width), bool)
    top = np.inf
    pols = [p for p in ("VV", "HH", "VH", "HV") if p in scene.bands][:2]
    for pol in pols:
        raw = scene.read(pol, x, y, width, height)
        image = np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        if np.issubdtype(raw.dtype, np.floating) and np.median(image) < 0:
            image = np.where(image == 0, 0, 10 ** (image / 20)).astype(np.float32)  # decibels of intensity
        image = np.maximum(image, 0)
        middle = float(np.median(image[image > 0]) ** 2) if (image > 0).any() else 1.0
        total += image**2 / middle / len(pols)
        if raw.dtype == np.uint8:
            top = min(top, 255.0**2 / middle)
            # Black is a number like any other in an 8-bit picture; only wide black areas are without data.
            valid &= ndimage.uniform_filter((image > 0).astype(np.float32), 15) > 0.02
        else:
            valid &= image > 0
    return total, valid, top


def _blocks(valid: np.ndarray) -> np.ndarray:
    rows, columns = (np.arange(0, n, BLOCK) for n in valid.shape)
    total = np.add.reduceat(np.add.reduceat(valid.astype(np.int64), rows, 0), columns, 1)
    size = np.diff(np.append(rows, valid.shape[0]))[:, None] * np.diff(np.append(columns, valid.shape[1]))[None]
    return total / size


def sea(intensity: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the sea is, and its level everywhere (carried over what is not sea).

    The first mode of the smoothed intensity that holds 3 % of the picture is the sea's; its wide connected part
    under 2.5 times the level, the level followed with a Gaussian of 40 pixels, four times over.
    """
    smooth = ndimage.gaussian_filter(intensity, TEXTURE_SIGMA)
    logs = np.log(smooth[valid] + 1e-4 * float(smooth[valid].mean()) + 1e-12)
    counts, edges = np.histogram(logs, 60)
    density = ndimage.gaussian_filter1d(counts.astype(float), 1.5)
    modes = [
        i
        for i in range(60)
        if density[i] == density[max(0, i - 4) : i + 5].max()
        and density[max(0, i - 3) : i + 4].sum() > 0.03 * density.sum()
    ]
    first = float(np.exp((edges[modes[0]] + edges[modes[0] + 1]) / 2))
    level = np.full(intensity.shape, first, np.float32)
    wet = np.zeros(intensity.shape, bool)
    for _ in range(4):
        wet = (smooth < SEA_FACTOR * level) & valid
        wet = ndimage.binary_opening(wet, iterations=NARROW)
        label, count = ndimage.label(wet)
        if not count:
            break
        sizes = np.bincount(label.ravel())
        sizes[0] = 0
        wet = (sizes >= max(SEA_SHARE * intensity.size, min(SEA_PIXELS, 0.1 * intensity.size)))[label]
        weight = ndimage.gaussian_filter(wet.astype(np.float32), LEVEL_SIGMA)
        mean = ndimage.gaussian_filter(np.where(wet, intensity, 0), LEVEL_SIGMA) / np.maximum(weight, 1e-4)
        level = np.where(weight > 0.01, mean, first).astype(np.float32)
    return wet, np.maximum(level, 1e-6 * first)


def search_window(
    intensity: np.ndarray,
    valid: np.ndarray,
    top: float = np.inf,
    dry: np.ndarray | None = None,
    pixel_m: float | None = None,
) -> tuple[list[Ship], np.ndarray]:
    """Ships of one window in its own pixels, and the sea. `top` is the largest intensity that the numbers can hold."""
    pieces, bright, around = measured(intensity, valid, top)
    for piece in pieces:
        piece.score = score(piece, bright)
    kept = [pieces[i] for i in choose(pieces)]
    if dry is not None:
        kept = [p for p in kept if dry[p.y, p.x].mean() < 0.6]
    ships = [_ship(p, pixel_m) for p in kept]
    if pixel_m is not None:
        ships = [s for s in ships if 6 <= s.length_px * pixel_m <= 480]
    return ships, around


def measured(intensity: np.ndarray, valid: np.ndarray, top: float) -> tuple[list[Piece], float, np.ndarray]:
    """Pieces of a window, the contrast of a hull as bright as its numbers can show, and the sea (none: no pieces)."""
    wet, level = sea(intensity, valid)
    if not wet.any():
        return [], BRIGHT, wet
    over = ndimage.gaussian_filter(intensity, SPECKLE_SIGMA) / level
    first = max(float(np.quantile(over[wet], TAIL)), FIRST)
    around = ndimage.binary_dilation(wet, iterations=REACH, mask=((over < first) & valid) | wet)
    bright = min(BRIGHT, MOST_LOOKED * top / float(np.median(level[wet])))
    return tree(over, around, first), bright, around


def tree(over: np.ndarray, around: np.ndarray, first: float) -> list[Piece]:
    """Pieces over ever higher thresholds, parents before their children. Only pieces at the water are measured."""
    width = over.shape[1]
    pieces: list[Piece] = []
    roots: list[int] = []
    below: tuple[np.ndarray, dict[int, int]] | None = None
    for k in range(STEPS):
        label, count = ndimage.label(over > first * STEP**k, np.ones((3, 3), bool))
        if not count:
            break
        area = np.bincount(label.ravel(), minlength=count + 1)
        distance, (iy, ix) = ndimage.distance_transform_edt(label == 0, return_indices=True)
        ring = (distance > 2) & (distance <= 5)
        owner = label[iy[ring], ix[ring]]
        full = np.bincount(owner, minlength=count + 1)
        wet = np.bincount(owner[around[ring]], minlength=count + 1)
        dry = ~around[ring]
        beside = np.bincount(owner[dry], weights=over[ring][dry], minlength=count + 1) / np.maximum(full - wet, 1)
        order = np.argsort(label.ravel(), kind="stable")
        ends = np.cumsum(area)
        here: dict[int, int] = {}
        for i in (np.flatnonzero(area[1:] >= SMALLEST) + 1).tolist():
            flat = order[ends[i - 1] : ends[i]]
            y, x = flat // width, flat % width
            parent = None if below is None else below[1].get(int(below[0][y[0], x[0]]))
            piece = Piece(y, x, parent)
            here[i] = len(pieces)
            roots.append(here[i] if parent is None else roots[parent])
            pieces.append(piece)
            if parent is not None:
                pieces[parent].children.append(here[i])
            if wet[i] < 0.3 * full[i] or area[i] > LARGEST * over.size:
                continue
            _measure(piece, over, around, int(wet[i]), int(full[i]), float(beside[i]), STEP**k)
            piece.grown = 1.0 if parent is None else len(y) / len(pieces[parent].y)
            piece.attached = len(pieces[roots[here[i]]].y) > max(3 * area[i], 400)
            for part in parts_of(piece, over):
                apart = Piece(*part, here[i])
                _measure(apart, over, around, *_ring(part, label == i, around), float(beside[i]), STEP**k)
                apart.grown, apart.attached, apart.split = len(apart.y) / len(y), piece.attached, True
                piece.children.append(len(pieces))
                roots.append(roots[here[i]])
                pieces.append(apart)
        below = (label, here)
    return pieces


def _measure(
    piece: Piece, over: np.ndarray, around: np.ndarray, wet: int, full: int, beside: float, level: float
) -> None:
    """Fill in what is known of a piece; `wet` of the `full` pixels of its ring are sea, the others `beside` bright."""
    y, x = piece.y, piece.x
    height, width = over.shape
    box = rectangle(x, y, trim=0.01)
    piece.box = box
    inside = over[y, x]
    piece.contrast = float(np.quantile(inside, 0.9))
    # The ring of a piece that something bright adjoins is cut short there: that side is no water either.
    piece.water = float(wet / max(full, 0.55 * 3 * 2 * (box.length + box.width + 8)))
    piece.fill = float(len(y) / (box.length * box.width))
    touching = (y == 0) | (y == height - 1) | (x == 0) | (x == width - 1)
    piece.edge = float(touching.sum() / box.width)
    piece.solid = float(np.median(inside)) / max(piece.contrast, 1e-9)
    piece.level = level
    piece.stands = float(np.log(inside.mean() / max(beside, 1.0)))
    piece.wet = _wet(box, around)


def parts_of(piece: Piece, over: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """A piece cut where dark lines run through it: hulls abreast along it, hulls bow to stern across it.

    The profile of the mean log brightness across (or along) its rectangle is cut at its valleys. Rows and columns of
    each part; nothing where there is no valley.
    """
    box = piece.box
    assert box is not None
    c, s = np.cos(box.angle), np.sin(box.angle)
    dx, dy = piece.x + 0.5 - box.x, piece.y + 0.5 - box.y
    bright = np.log(over[piece.y, piece.x])
    out = []
    for at, size, deep, least in (
        (-dx * s + dy * c, box.width, ABREAST, 4.0), (dx * c + dy * s, box.length, IN_LINE, 14.0),
    ):  # fmt: skip
        if size < 2 * least + 2:
            continue
        place = np.clip((at + size / 2).astype(int), 0, int(size))
        count = np.bincount(place, minlength=int(size) + 1)
        # A valley may be a gap in the pixels as well as a dark line: both lower the sum.
        profile = np.bincount(place, weights=bright, minlength=int(size) + 1) / max(np.median(count[count > 0]), 1)
        profile = ndimage.gaussian_filter1d(profile, 0.8)
        cuts = _valleys(profile, deep, least)
        if not cuts:
            continue
        which = np.searchsorted(np.array(cuts), place)
        for k in range(len(cuts) + 1):
            mine = which == k
            if mine.sum() >= SMALLEST:
                out.append((piece.y[mine], piece.x[mine]))
    return out


def _valleys(profile: np.ndarray, deep: float, least: float) -> list[int]:
    """Places where a profile dips by a share `deep` below its peaks on both sides, parts at least `least` pixels apart."""
    cuts: list[int] = []
    for i in range(int(least), len(profile) - int(least)):
        if profile[i] != profile[max(0, i - 2) : i + 3].min():
            continue
        left, right = profile[(cuts[-1] if cuts else 0) : i].max(), profile[i + 1 :].max()
        if profile[i] < (1 - deep) * min(left, right) and (not cuts or i - cuts[-1] >= least):
            cuts.append(i)
    return cuts


def _ring(part: tuple[np.ndarray, np.ndarray], whole: np.ndarray, around: np.ndarray) -> tuple[int, int]:
    """Sea pixels and all pixels of the ring round a part; the rest of what it was cut from is neither."""
    y, x = part
    y0, x0 = max(0, y.min() - 6), max(0, x.min() - 6)
    window = (slice(y0, y.max() + 7), slice(x0, x.max() + 7))
    mine = np.zeros(whole[window].shape, bool)
    mine[y - y0, x - x0] = True
    distance = ndimage.distance_transform_edt(~mine)
    ring = (distance > 2) & (distance <= 5)
    return int((ring & around[window]).sum()), int(ring.sum())


def _wet(box: Rectangle, around: np.ndarray) -> tuple[float, float, float, float]:
    """Share of sea just beyond both ends and both sides of a rectangle: drier end, wetter end, drier side, wetter side."""
    height, width = around.shape
    far = np.array([3.0, 5.0, 7.0, 9.0])
    shares = []
    for half, other, turned in ((box.length / 2, box.width, False), (box.width / 2, box.length, True)):
        for way in (-1, 1):
            u, v = np.meshgrid(way * (half + far), np.linspace(-0.4, 0.4, 5) * other)
            u, v = (v, u) if turned else (u, v)
            x = (box.x + u * np.cos(box.angle) - v * np.sin(box.angle)).astype(int).ravel()
            y = (box.y + u * np.sin(box.angle) + v * np.cos(box.angle)).astype(int).ravel()
            ok = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            # Beyond the picture's edge nothing is known: taken as sea, so that a cut hull is not held against itself.
            shares.append(float((around[y[ok], x[ok]].sum() + (~ok).sum()) / len(x)))
    return min(shares[:2]), max(shares[:2]), min(shares[2:]), max(shares[2:])


def features(piece: Piece, bright: float) -> np.ndarray:
    """What `score` weighs, float (FEATURES,): brightness, shape, water round it, what it grows out of."""
    box = piece.box
    assert box is not None
    return np.array(
        [
            np.clip(np.log(piece.contrast / bright), -3, 1.5), np.clip(np.log(piece.level), 0, 5), piece.solid,
            piece.water, *piece.wet, np.log(box.length / box.width), piece.fill, np.log(len(piece.y)), np.log(box.width),
            min(piece.edge, 2.0), float(piece.attached), float(piece.split), piece.grown, np.clip(piece.stands, -1, 4),
        ]
    )  # fmt: skip


def score(piece: Piece, bright: float = BRIGHT) -> float:
    """Log-odds that a piece is a ship: a small network over `features`, fitted on simulated packed harbours alone.

    `bench/imagery_harbour.py --fit 40` makes the weights (weights/harbour.json).
    """
    if piece.box is None:
        return -9.0
    return float(_net(features(piece, bright)[None])[0])


def _net(rows: np.ndarray) -> np.ndarray:
    w = _weights()
    hidden = np.tanh((rows - w["middle"]) / w["spread"] @ w["in"] + w["in_bias"])
    made: np.ndarray = hidden @ w["out"] + w["out_bias"]
    return made


@lru_cache(maxsize=1)
def _weights() -> dict[str, np.ndarray]:
    data = json.loads(resources.files("tumen.imagery").joinpath("weights/harbour.json").read_text("utf-8"))
    return {k: np.array(v, float) for k, v in data.items()}


def choose(pieces: list[Piece]) -> list[int]:
    """The likeliest pieces first, none that lies on one already taken, without the crumbs beside a much larger one."""
    order = sorted((i for i, p in enumerate(pieces) if p.score > LEAST), key=lambda i: -pieces[i].score)
    taken: list[int] = []
    for i in order:
        if not any(_same_place(pieces[i], pieces[k]) for k in taken):
            taken.append(i)
    kept: list[int] = []
    for c in sorted(taken, key=lambda c: -len(pieces[c].y)):
        box = pieces[c].box
        assert box is not None
        reach = 0.6 * box.length + 10
        crumb = any(
            len(pieces[k].y) >= 12 * len(pieces[c].y)
            and np.hypot(pieces[k].x - box.x, pieces[k].y - box.y).min() < reach
            for k in kept
        )
        if not crumb:
            kept.append(c)
    return kept


def _same_place(a: Piece, b: Piece) -> bool:
    """Whether two pieces are readings of one ship: the centre of one lies in the inner part of the other's rectangle."""
    assert a.box is not None
    assert b.box is not None
    for inner, outer in ((a.box, b.box), (b.box, a.box)):
        dx, dy = inner.x - outer.x, inner.y - outer.y
        along = abs(dx * np.cos(outer.angle) + dy * np.sin(outer.angle))
        across = abs(-dx * np.sin(outer.angle) + dy * np.cos(outer.angle))
        if along < 0.5 * outer.length and across < 0.5 * outer.width:
            return True
    return False


def _ship(piece: Piece, pixel_m: float | None) -> Ship:
    box = piece.box
    assert box is not None
    length, width = max(box.length - BLUR_PX, 1.0), max(box.width - BLUR_PX, 1.0)
    flags = []
    if piece.edge > 0:
        flags.append("cut_by_edge")
    if piece.attached:
        flags.append("near_land")
    return Ship(
        x=box.x,
        y=box.y,
        length_px=length,
        length_sd_px=0.1 * length + 2,
        width_px=width,
        width_sd_px=0.2 * width + 2,
        angle=box.angle,
        angle_sd=angle_sd(box.length, box.width),
        probability=float(1 / (1 + np.exp(-piece.score))),
        contrast=piece.contrast,
        alongside=piece.attached,
        flags=flags,
        features={"score": piece.score, "water": piece.water, "fill": piece.fill},
    )
