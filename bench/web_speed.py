"""Speed and weight of the workbench: sign-in, start, first view, page weight, a map of 100,000 simulated sightings.

    python bench/web_speed.py CASE [--store STORE] [--sightings 100000] [--chromium PATH] [--map] [--without-webgl]

Run it twice: the first run computes the case, the second has a warm store. Start is from the
process's start to its first answer; first view is from a request of the overview to its last
byte, and in the browser to its first paint. The map's sightings are made up and labelled so;
they never touch a case or a store.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# The browser finds no graphics card and settles by itself how to do without, as it does for a reader who has none.
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
# Slides one slider over its range a step a frame; keeps how long each frame took, and how long our own code ran for a step.
SLIDE = """async () => {
  const to = document.querySelector('#to'), frames = [];
  performance.clearMeasures();
  let last = performance.now();
  for (let i = 0; i < 90; i++) {
    to.value = Math.round(to.max * (0.1 + 0.9 * i / 90));
    to.dispatchEvent(new Event('input'));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    const now = performance.now(); frames.push(now - last); last = now;
  }
  return { frames, steps: performance.getEntriesByName('step', 'measure').map((m) => m.duration) };
}"""
CARD = """() => {
  const gl = document.createElement('canvas').getContext('webgl2'), told = gl?.getExtension('WEBGL_debug_renderer_info');
  return told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : 'nothing: no WebGL 2, the land is drawn by the processor';
}"""
# Drags the map across its own width and back, as a hand would.
STEPS = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--sightings", type=int, default=100_000)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--without-webgl", action="store_true", help="as in a browser that has no WebGL at all")
    parser.add_argument("--map", action="store_true", help="the map alone")
    given = parser.parse_args()
    if given.without_webgl:
        FLAGS.append("--disable-3d-apis")
    if given.map and given.chromium:
        crowded(given.case, given.store, given.sightings, given.chromium)
        return
    signed_in()
    started(given.case, given.store, given.chromium)
    if given.chromium:
        crowded(given.case, given.store, given.sightings, given.chromium)
    else:
        print("no chromium: the map is not measured")


def signed_in(tries: int = 7) -> None:
    """Time of one sign-in, right, wrong and under a name that nobody has, and of many wrong ones sent at once."""
    from concurrent.futures import ThreadPoolExecutor

    from tumen.web import people
    from tumen.web.database import Database

    password = "a bench of passwords"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "people.sqlite")
        people.add_person(database, "mina", password, "reader")

        def once(name: str, given: str, address: str) -> float:
            start = time.perf_counter()
            with contextlib.suppress(people.SignInError):
                people.sign_in(database, name, given, address)
            return time.perf_counter() - start

        once("nobody", "x", "10.0.0.1")
        for words, name, given in (("right", "mina", password), ("wrong password", "mina", "x"), ("unknown name", "nobody", "x")):  # fmt: skip
            took = []
            for i in range(tries):
                took.append(once(name, given, f"10.1.{len(words)}.{i}"))
                with database.write() as c:  # the limit is not what is measured here
                    c.execute("DELETE FROM attempts")
            print(
                f"sign-in, {words:15} median of {tries}      {statistics.median(took) * 1000:8.0f} ms, longest {max(took) * 1000:.0f} ms"
            )
        begin = time.perf_counter()
        with ThreadPoolExecutor(40) as pool:
            list(pool.map(lambda i: once(f"name{i}", "x", f"10.2.0.{i}"), range(40)))
        print(
            f"40 wrong tries at once, 40 addresses     {time.perf_counter() - begin:8.2f} s for all, {people.AT_ONCE} checked at a time"
        )


def started(case: Path, store: Path | None, chromium: str | None) -> None:
    """Start the command itself; time its first answer, its first whole answer and each page."""
    port = _free_port()
    command = [sys.executable, "-m", "tumen.cli", "serve", str(case), "--port", str(port)]
    start = time.perf_counter()
    server = subprocess.Popen(command + (["--store", str(store)] if store else []), stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _get(f"{base}/version.json") is not None)
        print(f"start, to the first answer          {time.perf_counter() - start:8.2f} s")
        _until(lambda: json.loads(_get(f"{base}/version.json") or b"{}").get("version", 0) > 0)
        print(f"start, to the case's own figures    {time.perf_counter() - start:8.2f} s")
        first = _timed(f"{base}/")
        print(f"first view of the overview, served  {first * 1000:8.0f} ms")
        time.sleep(3)
        for path in ("/", "/map", "/timeline", "/trades", "/network", "/cargo", "/account", "/why/rounds", "/whatif"):
            print(
                f"  {path:12} served again            {statistics.median(_timed(base + path) for _ in range(5)) * 1000:8.0f} ms"
            )
        if chromium:
            seen(base, chromium)
    finally:
        server.terminate()
        server.wait(10)


def seen(base: str, chromium: str) -> None:
    """First paint and bytes of pages in the browser, its cache empty; a bare answer of the server for comparison."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for path in ("/version.json", "/", "/map", "/timeline", "/trades", "/network", "/redlines"):
            paints, sizes = [], []
            for first in (True, False, False, False, False):
                page = browser.new_context().new_page()
                if first:
                    page.on("requestfinished", lambda r, sizes=sizes: sizes.append(r.sizes()["responseBodySize"]))
                page.goto(base + path, wait_until="load")
                page.wait_for_timeout(3000 if first else 700)
                paints.append(
                    page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
                )
                page.context.close()
            told = f"{paints[0]:6.0f} ms, then {statistics.median(paints[1:]):6.0f} ms"
            print(f"  {path:13} first paint, nothing kept by the browser {told}, weight {sum(sizes) / 1e6:6.2f} MB")
        browser.close()


def crowded(case: Path, store: Path | None, number: int, chromium: str) -> None:
    """A map of many made-up sightings: bytes, time until it stands, time of a redraw while the slider moves."""
    import numpy as np
    import pyarrow as pa
    import uvicorn
    from playwright.sync_api import sync_playwright

    from tumen.study import Study, open_study
    from tumen.tables import TABLES
    from tumen.web.app import create_app
    from tumen.web.live import Live, State
    from tumen.web.pages import PAGES

    study = open_study(case, store=store)
    headline = study.headline()
    start, end = study.case.settings.period
    rng = np.random.default_rng(7)
    real = study.table("sightings").to_pylist()[0]
    days = rng.integers(0, (end - start).days, number)
    rows = [
        real
        | {
            "sighting_id": f"simulated-{i}", "evidence_id": f"{i:016x}", "place": "simulated water", "vessel": None, "parents": None,
            "text": "simulated for a measurement", "what": ("vessel", "stack", "railcars")[i % 3],
            "lat": float(lat), "lon": float(lon),
            "start": dt.datetime(start.year, start.month, start.day, tzinfo=dt.UTC) + dt.timedelta(days=int(day)),
        }
        for i, (lat, lon, day) in enumerate(zip(rng.normal(41, 1.5, number), rng.normal(132, 2, number), days, strict=True))
    ]  # fmt: skip
    made = TABLES["sightings"].build(rows)

    class Crowd(Study):
        """The study with its sightings replaced by made-up ones."""

        def table(self, name: str) -> pa.Table:
            return made if name == "sightings" else study.table(name)

    crowd = Crowd(study.case, study.store)
    live = Live(case)
    live.state = State(version=1, study=crowd, headline=headline)
    map_page = next(p for p in PAGES if p.name == "map")
    begin = time.perf_counter()
    data = map_page.data(live.state, "", {})
    print(f"map of {number:,} simulated sightings: data made in {time.perf_counter() - begin:.2f} s")
    print(f"  as JSON {len(json.dumps(data)) / 1e6:.1f} MB")
    app = create_app(live)
    server = uvicorn.Server(uvicorn.Config(app, port=_free_port(), log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    _until(lambda: server.started)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    begin = time.perf_counter()
    app.state.bench.warm(live.state)
    print(f"  drawn by the server, as after each answer before anybody asks  {time.perf_counter() - begin:8.2f} s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        begin = time.perf_counter()
        page.goto(f"{base}/map")
        page.wait_for_selector("#map[data-bins]", timeout=120_000)
        print(f"  from the click until the sightings stand    {time.perf_counter() - begin:8.2f} s")
        page.wait_for_selector("#map[data-ready]", timeout=120_000)
        print(f"  from the click until all is drawn, land too {time.perf_counter() - begin:8.2f} s")
        told = page.evaluate(SLIDE)
        card = page.evaluate(CARD)
        print(f"  WebGL drawn by {card}")
        for name, words in (("steps", "script for one step of the slider"), ("frames", "whole frame while it slides")):
            values = sorted(told[name])
            print(
                f"  {words:36} {statistics.median(values):6.1f} ms median, {values[int(0.95 * len(values))]:6.1f} ms at 95 %"
            )
        print(f"  frames a second while it slides      {1000 * len(told['frames']) / sum(told['frames']):6.1f}")
        print(f"  frames a second while the map is dragged {dragged(page):6.1f}")
        browser.close()
    server.should_exit = True


def dragged(page: Any) -> float:
    """Frames a second while the map follows the pointer."""
    box = page.locator("#map").bounding_box()
    page.evaluate("() => { window.frames_ = 0; (function one() { window.frames_++; requestAnimationFrame(one); })(); }")
    page.mouse.move(box["x"] + 500, box["y"] + 300)
    page.mouse.down()
    before, begin = page.evaluate("window.frames_"), time.perf_counter()
    for i in range(STEPS):
        page.mouse.move(box["x"] + 500 - 5 * min(i, STEPS - i), box["y"] + 300)
        page.wait_for_timeout(10)
    rate = (page.evaluate("window.frames_") - before) / (time.perf_counter() - begin)
    page.mouse.up()
    return float(rate)


def _get(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        return None


def _timed(url: str) -> float:
    start = time.perf_counter()
    _get(url)
    return time.perf_counter() - start


def _until(done: Any, most: float = 900.0) -> None:
    end = time.perf_counter() + most
    while not done():
        if time.perf_counter() > end:
            raise SystemExit("gave up waiting")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
