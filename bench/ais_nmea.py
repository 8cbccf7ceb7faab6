"""NMEA position messages: sentences a second on one core, against pyais (and libais and aiscat where they are installed).

python bench/ais_nmea.py [--sentences 1000000]
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version

import numpy as np

from tumen.ais import nmea


def sentences(count: int, seed: int = 1) -> bytes:
    """Position reports (types 1 and 18) as a receiver logs them, made by pyais and repeated."""
    import pyais

    rng = np.random.default_rng(seed)
    lines = []
    for k in range(2000):
        data = {"type": 18 if k % 5 == 0 else 1, "mmsi": int(rng.integers(2e8, 7e8)), "lat": rng.uniform(-80, 80),
                "lon": rng.uniform(-180, 180), "speed": rng.uniform(0, 20), "course": rng.uniform(0, 359), "heading": 12}  # fmt: skip
        lines.append(pyais.encode_dict(data, talker_id="AI")[0].encode())
    return b"\n".join(lines * (count // len(lines))) + b"\n"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=1_000_000)
    given = parser.parse_args()
    import pyais

    raw = sentences(given.sentences)
    nmea.read_block(raw[:100_000])
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        block = nmea.read_block(raw)
        best = max(best, block.sentences / (time.process_time() - started))
    print(f"tumen: {best / 1e6:.2f} M sentences/s of processor time, {len(block.positions):,} positions")
    some = raw.splitlines()[:20_000]
    started = time.process_time()
    for line in some:
        pyais.decode(line)
    theirs = len(some) / (time.process_time() - started)
    print(f"pyais {pyais.__version__}: {theirs / 1e6:.4f} M sentences/s; tumen is {best / theirs:.0f} times as fast")
    try:
        import ais
    except ImportError:
        print("libais is not installed: not measured")
    else:
        started = time.process_time()
        for line in some:
            ais.decode(line.split(b",")[5].decode(), 0)
        theirs = len(some) / (time.process_time() - started)
        print(f"libais, payloads only: {theirs / 1e6:.3f} M sentences/s; tumen is {best / theirs:.0f} times as fast")
    try:
        import aiscat
    except ImportError:
        print("aiscat is not installed: not measured")
    else:
        decoder, chunk, done = aiscat.Decoder(), b"\n".join(some) + b"\n", 0
        started = time.process_time()
        for at in range(0, len(chunk), 65536):
            decoder.feed(chunk[at : at + 65536])
            while decoder.next() is not None:
                done += 1
        theirs = done / (time.process_time() - started)
        print(
            f"aiscat {version('aiscat')}, to dictionaries: {theirs / 1e6:.3f} M sentences/s; tumen is {best / theirs:.0f} times as fast"
        )


if __name__ == "__main__":
    main()
