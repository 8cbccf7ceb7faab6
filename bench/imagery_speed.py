"""Speed and memory: a Sentinel-1 IW GRD sized scene in two polarisations, file to detections.

    python bench/imagery_speed.py [--width 25000] [--height 16700] [--ships 300] [--runs 2] [--folder /tmp] [--keep]

Writes a simulated scene (uncompressed, then deflate), searches each in a process of its own after one warm
run on a small scene (compiled loops are cached), prints seconds, MP/s a polarisation, peak memory, and the
machine's memory and file-cache speed beside them. The scenes are deleted; with --keep they stay in --folder and
are used again by the next run. The process start is not counted, reading is. Chips are not drawn. Processor
seconds tell more than the clock where others share the machine. Budget: 5 s uncompressed and cached, 8 s deflate,
1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SEARCH = """
import json, resource, sys, time
from tumen.imagery import DetectSettings, Land, detect
settings = DetectSettings(chips=False)
detect([sys.argv[1]], land=Land(osm=False), settings=settings)
times = []
for _ in range(int(sys.argv[3])):
    start, spent = time.perf_counter(), time.process_time()
    out = detect([sys.argv[2]], land=Land(osm=False), settings=settings)
    times.append((time.perf_counter() - start, time.process_time() - spent))
fault = out["scenes"].column("fault")[0].as_py()
print(json.dumps({"seconds": min(times)[0], "cpu": min(t[1] for t in times), "ships": out["detections"].num_rows, "fault": fault,
                  "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def peers() -> None:
    """What users have, on one polarisation of simulated sea, the same ring, neither reading nor measuring.

    OpenCV and cfar_filters (Faerch, Dierking, Hughes, Doulgeris 2023, a numba package that no registry holds) take part
    where they can be imported. One thread each: figures are per processor second, as ours are.
    """
    os.environ["NUMBA_NUM_THREADS"] = "1"
    image = np.random.default_rng(0).gamma(4.4, 1 / 4.4, (2048, 2048)).astype(np.float32)

    def scipy_boxes() -> int:
        from scipy.ndimage import uniform_filter

        outer, inner = uniform_filter(image, 89) * 89**2, uniform_filter(image, 45) * 45**2
        return int((image > 5.0 * (outer - inner) / (89**2 - 45**2)).sum())

    def opencv_boxes() -> int:
        import cv2

        cv2.setNumThreads(1)
        outer, inner = (cv2.boxFilter(image, cv2.CV_32F, (n, n), normalize=False) for n in (89, 45))
        return int((image > 5.0 * (outer - inner) / (89**2 - 45**2)).sum())

    def numba_package() -> int:
        from cfar_filters import gamma

        return int(gamma.detector(part, everywhere, pfa=1e-7, enl=4.4, wi=45, wo=89).sum())

    part = np.ascontiguousarray(image[:384, :384])
    everywhere = np.ones(part.shape, bool)
    for name, run, pixels in (
        ("cell-averaging CFAR of two SciPy box filters", scipy_boxes, image.size),
        ("the same with OpenCV", opencv_boxes, image.size),
        ("cfar_filters, gamma", numba_package, part.size),
    ):
        try:
            run()  # compiles
        except ImportError as error:
            print(f"peer: {name}: not installed ({error.name})", flush=True)
            continue
        spent, start = time.process_time(), time.perf_counter()
        found = run()
        spent, start = time.process_time() - spent, time.perf_counter() - start
        print(
            f"peer: {name}: {pixels / 1e6 / spent:.2f} MP a processor second, {pixels / 1e6 / start:.2f} by the clock "
            f"({found} pixels)",
            flush=True,
        )


def _disk(folder: Path) -> str:
    """Speed of the disk in reading what the file cache does not hold; where it cannot be emptied, of writing."""
    path = folder / "disk.probe"
    data = np.random.default_rng(1).integers(0, 255, 128 << 20, dtype=np.uint8).tobytes()
    start = time.perf_counter()
    with open(path, "wb") as file:
        file.write(data)
        os.fsync(file.fileno())
    wrote = len(data) / 1e9 / (time.perf_counter() - start)
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
    read = len(data) / 1e9 / (time.perf_counter() - start)
    path.unlink()
    return f"{read:.1f} GB/s read, {wrote:.1f} written"


def main() -> None:
    from tumen.simulate.imagery import write_scene

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=25_000)
    parser.add_argument("--height", type=int, default=16_700)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--ships", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    block = np.ones(200_000_000 // 8)
    start = time.perf_counter()
    block.copy()
    print(
        f"memory copy {2 * block.nbytes / 1e9 / (time.perf_counter() - start):.1f} GB/s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        if args.keep:
            folder = args.folder or tempfile.gettempdir()
        small = Path(folder) / "small.tif"
        write_scene(small, np.random.default_rng(1), 2048, 2048, 4)
        for compress in (None, "deflate"):
            path = Path(folder) / f"scene_{compress}.tif"
            if not path.exists():
                write_scene(path, np.random.default_rng(0), args.width, args.height, args.ships, compress)
            size = path.stat().st_size
            start = time.perf_counter()
            with open(path, "rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass
            read = size / 1e9 / (time.perf_counter() - start)
            written = _disk(Path(folder))
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", SEARCH, str(small), str(path), str(args.runs)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(done.stderr)
            got = json.loads(done.stdout)
            rate = args.width * args.height / 1e6 / got["seconds"]
            print(
                f"{compress or 'uncompressed':<13} {size / 1e9:.2f} GB (cached read {read:.1f} GB/s, disk {written}): {got['seconds']:.1f} s ({got['cpu']:.1f} processor s), {rate:.0f} MP/s a "
                f"polarisation, peak {got['peak_mib']:.0f} MiB, {got['ships']} ships of {args.ships} simulated"
                + f", {2 * args.width * args.height / 1e6 / got['cpu']:.0f} MP a processor second of both"
                + (f", FAULT {got['fault']}" if got["fault"] else ""),
                flush=True,
            )
            if not args.keep:
                path.unlink()
    if not args.no_peers:
        peers()
    print("peer, as published: SUMO's core 23 to 66 MP/s a band without reading")


if __name__ == "__main__":
    main()
