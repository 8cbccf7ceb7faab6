"""Compiled loops of the radar detector: block statistics, the low threshold, ring statistics, growth.

Imported only when a scene is searched (numba is part of the imagery extra). All arrays are C-ordered
strips of one scene; a pixel of value 0 holds no data. Land masks are uint8, 1 = land.
"""

from __future__ import annotations

import numba as nb
import numpy as np

BLOCK = 64  # pixels a side of a statistics block: 640 m in IW GRDH, many speckle cells yet local
SAMPLE_STEP = 4  # every 4th row of a block is sampled
CLIP = 4.0  # times the mean: brighter samples are outliers (a gamma of 4.4 looks passes it once in 30,000)


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def block_means(image, land, use_land, out_mean, out_water, out_valid):
    """Clipped mean intensity of each block over water, from every 4th row; 0 where too little water.

    The start of the clipping is the median of the sampled rows' means, which a ship that fills less
    than half of the rows cannot move. `out_water` is the share of water among all sampled pixels,
    `out_valid` the share that holds data.
    """
    height, width = image.shape
    rows, cols = out_mean.shape
    row_mean = np.empty(BLOCK // SAMPLE_STEP, np.float64)
    for bi in range(rows):
        y0, y1 = bi * BLOCK, min((bi + 1) * BLOCK, height)
        for bj in range(cols):
            x0, x1 = bj * BLOCK, min((bj + 1) * BLOCK, width)
            used = 0
            total = 0
            valid = 0
            water = 0
            for y in range(y0, y1, SAMPLE_STEP):
                s = np.float32(0)
                n = 0
                if use_land:
                    for x in range(x0, x1):
                        v = np.float32(image[y, x])
                        w = land[y, x] == 0
                        valid += v > 0
                        water += w
                        if w and v > 0:
                            s += v * v
                            n += 1
                else:
                    for x in range(x0, x1):
                        v = np.float32(image[y, x])
                        s += v * v
                        n += v > 0
                    valid += n
                    water += x1 - x0
                total += x1 - x0
                if n * 4 >= x1 - x0:
                    row_mean[used] = s / n
                    used += 1
            out_valid[bi, bj] = valid / max(total, 1)
            out_water[bi, bj] = water / max(total, 1)
            if used < 3:
                out_mean[bi, bj] = 0
                continue
            mean = np.median(row_mean[:used])
            for _ in range(2):
                cap = np.float32(CLIP * mean)
                s = np.float32(0)
                n = 0
                for y in range(y0, y1, SAMPLE_STEP):
                    if use_land:
                        for x in range(x0, x1):
                            v = np.float32(image[y, x])
                            p = v * v
                            if land[y, x] == 0 and v > 0 and p < cap:
                                s += p
                                n += 1
                    else:
                        for x in range(x0, x1):
                            v = np.float32(image[y, x])
                            p = v * v
                            keep = (p < cap) and (p > 0)
                            s += p if keep else np.float32(0)
                            n += keep
                if n > 0:
                    mean = s / n
            out_mean[bi, bj] = mean


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def histograms(a, b, two, land, use_land, mean_a, mean_b, group, row_step, column_step, octave_low, out):
    """Histograms of intensity over its block mean, by group of `group` x `group` blocks.

    Channels: 0 the first polarisation, 1 the second, 2 their mean. `out` has shape (group rows, group columns,
    3, bins) with eight bins an octave from 2**octave_low: the bin is read off the exponent and the first three
    bits of the mantissa. Brighter samples than the last bin are targets and are left out of their channel.
    """
    height, width = a.shape
    rows, cols = mean_a.shape
    bins = out.shape[3]
    offset = (127 + octave_low) << 3
    u = np.empty((3, BLOCK), np.float32)
    bits = u.view(np.int32)
    channels = 3 if two else 1
    for bi in range(rows):
        y0, y1 = bi * BLOCK, min((bi + 1) * BLOCK, height)
        for bj in range(cols):
            ma, mb = mean_a[bi, bj], mean_b[bi, bj]
            if ma <= 0 or (two and mb <= 0):
                continue
            gi, gj = bi // group, bj // group
            ia = np.float32(1 / ma)
            ib = np.float32(1 / mb) if two else np.float32(0)
            x0, x1 = bj * BLOCK, min((bj + 1) * BLOCK, width)
            for y in range(y0, y1, row_step):
                n = 0
                for x in range(x0, x1, column_step):
                    va = np.float32(a[y, x])
                    if va <= 0 or (use_land and land[y, x] != 0):
                        continue
                    u[0, n] = va * va * ia
                    if two:
                        vb = np.float32(b[y, x])
                        u[1, n] = vb * vb * ib
                        u[2, n] = np.float32(0.5) * (u[0, n] + u[1, n])
                    n += 1
                for c in range(channels):
                    for i in range(n):
                        k = (bits[c, i] >> 20) - offset
                        if k < bins:
                            out[gi, gj, c, max(k, 0)] += 1


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _over(a_row, b_row, two, cap_a, cap_b, x0, x1):
    """Whether any pixel of a stretch is over its cap; whole numbers are compared as whole numbers."""
    top_a, top_b = a_row[x0], b_row[x0]
    for x in range(x0, x1):
        top_a = max(top_a, a_row[x])
    if two:
        for x in range(x0, x1):
            top_b = max(top_b, b_row[x])
    return top_a > cap_a or (two and top_b > cap_b)


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def candidates(a, b, two, land, use_land, mean_a, mean_b, low_a, low_b, low_f, out, first, last):
    """Pixels above the low threshold in either polarisation or in their mean, rows first..last.

    `low_*` hold the threshold of each block in units of its mean. Returns the number found (it may exceed
    the room in `out`, whose rows are y, x). The mean of two numbers is over a threshold only if one of them
    is, so that a stretch of 64 pixels is first held against the smallest threshold of each polarisation.
    """
    width = a.shape[1]
    found = 0
    room = out.shape[0]
    cols = mean_a.shape[1]
    for y in range(first, last):
        bi = y // BLOCK
        for bj in range(cols):
            ma, mb = mean_a[bi, bj], mean_b[bi, bj]
            if ma <= 0 or (two and mb <= 0):
                continue
            x0, x1 = bj * BLOCK, min((bj + 1) * BLOCK, width)
            la, lb, lf = low_a[bi, bj], low_b[bi, bj], low_f[bi, bj]
            if two:
                cap_a, cap_b = np.sqrt(min(la, lf) * ma), np.sqrt(min(lb, lf) * mb)
            else:
                cap_a, cap_b = np.sqrt(la * ma), 0.0
            if not _over(a[y], b[y], two, cap_a, cap_b, x0, x1):
                continue
            ia = np.float32(1 / ma)
            ib = np.float32(1 / mb) if two else np.float32(0)
            ca, cb, cf = np.float32(1 / la), np.float32(1 / lb), np.float32(0.5 / lf)
            for x in range(x0, x1):
                if use_land and land[y, x] != 0:
                    continue
                va = np.float32(a[y, x])
                s = va * va * ia * ca
                if two:
                    vb = np.float32(b[y, x])
                    ua, ub = va * va * ia, vb * vb * ib
                    s = max(max(ua * ca, ub * cb), (ua + ub) * cf)
                if s > 1:
                    if found < room:
                        out[found, 0] = y
                        out[found, 1] = x
                    found += 1
    return found


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def ring_mean(image, land, use_land, means, cy, cx, guard, ring, cap):
    """Mean intensity in a square ring (half sides `guard` < r <= `ring`) round each centre.

    Land, no-data and samples above `cap` (in units of the mean of their own block) are left out: the same
    clipping that the block means had, so that both measure the same thing. Returns means and the number of
    samples used.
    """
    height, width = image.shape
    n_points = len(cy)
    out = np.zeros(n_points, np.float64)
    used = np.zeros(n_points, np.int64)
    for i in range(n_points):
        s = 0.0
        n = 0
        y0, y1 = max(0, cy[i] - ring), min(height, cy[i] + ring + 1)
        x0, x1 = max(0, cx[i] - ring), min(width, cx[i] + ring + 1)
        for y in range(y0, y1):
            inside = abs(y - cy[i]) <= guard
            bi = y // BLOCK
            for x in range(x0, x1):
                if inside and abs(x - cx[i]) <= guard:
                    continue
                v = np.float64(image[y, x])
                if v <= 0 or (use_land and land[y, x] != 0):
                    continue
                p = v * v
                m = means[bi, x // BLOCK]
                if m > 0 and p > cap * m:
                    continue
                s += p
                n += 1
        out[i] = s / n if n > 0 else 0.0
        used[i] = n
    return out, used


@nb.njit(cache=True, nogil=True, error_model="numpy")
def grow(a, b, two, land, use_land, seed_y, seed_x, inv_a, inv_b, low, taken, limit, out_label, out_y, out_x):
    """Grow each seed over 8-connected pixels whose mean normalised intensity exceeds `low` of its seed.

    `taken` marks pixels already given to an object (uint8, changed). Returns number of objects and of
    pixels; an object stops growing at `limit` pixels.
    """
    height, width = a.shape
    objects = 0
    total = 0
    room = len(out_y)
    for i in range(len(seed_y)):
        if taken[seed_y[i], seed_x[i]]:
            continue
        if total >= room - 1:
            break
        start = total
        taken[seed_y[i], seed_x[i]] = 1
        out_y[total], out_x[total], out_label[total] = seed_y[i], seed_x[i], objects
        total += 1
        head = start
        while head < total and total - start < limit and total < room - 8:
            y, x = out_y[head], out_x[head]
            head += 1
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    v, w = y + dy, x + dx
                    if v < 0 or w < 0 or v >= height or w >= width or taken[v, w]:
                        continue
                    if use_land and land[v, w] != 0:
                        continue
                    va = np.float64(a[v, w])
                    u = va * va * inv_a[i]
                    if two:
                        vb = np.float64(b[v, w])
                        u = 0.5 * (u + vb * vb * inv_b[i])
                    if u > low[i]:
                        taken[v, w] = 1
                        out_y[total], out_x[total], out_label[total] = v, w, objects
                        total += 1
        objects += 1
    return objects, total


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def turned_box(px, py, weight, offsets, trim):
    """Extents of points along turned axes: the box of least area near the principal axis.

    `offsets` are turns from the principal axis of the weighted points, radians; `trim` is the share left out
    at each edge (0: none). Returns centre x, y, extents along and across the best axis, and its angle.
    """
    n = len(px)
    total = 0.0
    mx = 0.0
    my = 0.0
    for i in range(n):
        total += weight[i]
        mx += weight[i] * px[i]
        my += weight[i] * py[i]
    mx /= total
    my /= total
    xy = 0.0
    xx = 0.0
    for i in range(n):
        dx, dy = px[i] - mx, py[i] - my
        xy += weight[i] * dx * dy
        xx += weight[i] * (dx * dx - dy * dy)
    principal = 0.5 * np.arctan2(2 * xy, xx) if n > 1 else 0.0
    best = np.inf
    out = np.zeros(5)
    along = np.empty(n)
    across = np.empty(n)
    for k in range(len(offsets)):
        c, s = np.cos(principal + offsets[k]), np.sin(principal + offsets[k])
        for i in range(n):
            dx, dy = px[i] - mx, py[i] - my
            along[i] = dx * c + dy * s
            across[i] = -dx * s + dy * c
        if trim > 0 and n >= 30:
            along.sort()
            across.sort()
            at = trim * (n - 1)
            j = int(at)
            w = at - j
            a0 = along[j] * (1 - w) + along[j + 1] * w
            a1 = along[n - 1 - j] * (1 - w) + along[n - 2 - j] * w
            c0 = across[j] * (1 - w) + across[j + 1] * w
            c1 = across[n - 1 - j] * (1 - w) + across[n - 2 - j] * w
        else:
            a0, a1, c0, c1 = along.min(), along.max(), across.min(), across.max()
        # The pixel's own extent along a slanted axis is between 1 and 1.41: one is added to both sides.
        cost = (a1 - a0 + 1) * (c1 - c0 + 1) * (1 + 0.4 * abs(offsets[k]))
        if cost < best:
            best = cost
            mid_a, mid_c = (a0 + a1) / 2, (c0 + c1) / 2
            out[0] = mx + mid_a * c - mid_c * s
            out[1] = my + mid_a * s + mid_c * c
            out[2], out[3], out[4] = a1 - a0 + 1, c1 - c0 + 1, principal + offsets[k]
    return out
