// The map: land, places, sightings and voyages of the case, with two sliders for time.
//
// MapLibre draws the land and moves it. All that time changes lies on a canvas above it, so that a step of the
// slider neither sends data to a worker nor draws the land anew. Sightings come as columns and are sorted by day once;
// each is given its cell of the screen when the map comes to rest; a step then only counts the rows between two days.
// So 100,000 count as fast as they are read, and none lies hidden under another.
import { Map as Chart, NavigationControl, ScaleControl, setWorkerUrl } from "/static/vendor/maplibre-gl.mjs";

setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");

const CELL = 54; // pixels, wide enough for the largest circle
const LISTED = 60, NAMED = 80;
const COLOURS = { vessel: "#0a4f8c", stack: "#a34400", railcars: "#0b6b50", nothing: "#ffffff" };
// A kind has a form as well as a colour, for eyes that do not tell the colours apart.
const FORMS = { vessel: "circle", nothing: "circle", stack: "square", railcars: "diamond" };
const OTHER = "#6b5b00", INK = "#1a2027", VOYAGE = "#7a3b73";
const WORDS = { vessel: "ship", stack: "stack of containers", railcars: "rail wagons", nothing: "nothing there" };
const FONT = '600 12px "Inter","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif';

const box = document.querySelector("#map");
if (box) start();

const colour = (what) => COLOURS[what] ?? OTHER;
const say = (words, places) => window.tumenSay?.(words, places) ?? words;
const word = (what) => say(WORDS[what] ?? what.replaceAll("_", " "));
const radius = (number) => (number > 0 ? Math.min(6 + 3.2 * Math.sqrt(number), 25) : 5);
// Mercator units 0..1, as the map counts them, so that a cell is a share of the world.
const across = (lon) => (lon + 180) / 360;
const down = (lat) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A browser without WebGL 2 (an old card, a virtual machine) gets the same map, drawn by the processor.
async function chart(options) {
  if (!document.createElement("canvas").getContext("webgl2")) {
    const { Flat } = await import(box.dataset.flat);
    return new Flat(options);
  }
  const made = new Chart(options);
  made.touchZoomRotate.disableRotation();
  made.keyboard.disableRotation();
  made.addControl(new NavigationControl({ showCompass: false }));
  made.addControl(new ScaleControl());
  return made;
}

async function start() {
  // The map's own style is not needed for the first paint of the page.
  const style = element("link", "", { rel: "stylesheet", href: box.dataset.style }), styled = new Promise((done) => { style.onload = style.onerror = done; });
  document.head.append(style);
  // The land is large and not needed to begin: the map stands with its places and sightings while it comes.
  const land = fetch("/land.json").then((answer) => answer.json());
  const data = await (await fetch(box.dataset.source)).json();
  const all = data.sightings, count = all.lon.length, kinds = all.what.words, K = Math.max(1, kinds.length);
  // Rows by day, so that a window of time is a run of rows.
  const order = Uint32Array.from(all.day.keys()).sort((i, j) => all.day[i] - all.day[j]);
  const sorted = (Kind, take) => Kind.from(order, take);
  const day = sorted(Int32Array, (i) => all.day[i]), x = sorted(Float64Array, (i) => across(all.lon[i])), y = sorted(Float64Array, (i) => down(all.lat[i]));
  const kind = sorted(Uint16Array, (i) => all.what.codes[i]), place = sorted(Uint32Array, (i) => all.place.codes[i]);
  const spots = data.places.map((p) => ({ ...p, x: across(p.lon), y: down(p.lat), code: all.place.words.indexOf(p.place) }));
  const named = new Map(spots.map((p) => [p.place, p]));
  for (const v of data.voyages) v.ends = v.line.map(([lon, lat]) => [across(lon), down(lat)]);

  await styled;
  const map = await chart({
    container: box, bounds: opening(data), fitBoundsOptions: { padding: 40, maxZoom: 11 }, attributionControl: false, fadeDuration: 0,
    dragRotate: false, pitchWithRotate: false, touchPitch: false, maxPitch: 0, minZoom: 1, renderWorldCopies: true, canvasContextAttributes: { antialias: false },
    style: { version: 8, sources: {}, layers: [{ id: "sea", type: "background", paint: { "background-color": "#dfe9f0" } }] },
  });
  const over = element("canvas", "", { class: "over-map", "aria-hidden": "true" }), pen = over.getContext("2d", { willReadFrequently: true });  // drawn by the processor: quick also where there is no graphics card
  map.getCanvasContainer().append(over);

  const from = document.querySelector("#from"), to = document.querySelector("#to"), shown = document.querySelector("#shown");
  const list = document.querySelector("#map-list");
  const date = (n) => new Date(Date.parse(box.dataset.start) + n * 864e5).toISOString().slice(0, 10);
  const span = () => [Math.min(+from.value, +to.value), Math.max(+from.value, +to.value)];
  const rank = (n) => { let a = 0, b = count; while (a < b) { const m = (a + b) >> 1; if (day[m] < n) a = m + 1; else b = m; } return a; };

  // What is in view: cells at rest, counts at each step.
  const cell = new Int32Array(count).fill(-1), u = new Float64Array(count), atPlace = new Int32Array(all.place.words.length);
  let grid = { columns: 0, rows: 0 }, tally = new Int32Array(0), sumX = new Float64Array(0), sumY = new Float64Array(0);
  let bins = [], routes = [], run = [0, count], opened = null;

  const view = () => { const { lng, lat } = map.getCenter(); return { cx: across(lng), cy: down(lat), size: 512 * 2 ** map.getZoom(), w: box.clientWidth, h: box.clientHeight }; };
  // What lies beyond the date line stands where the view is nearest to it.
  const nearest = (a, cx) => a + Math.round(cx - a);
  const screen = ({ cx, cy, size, w, h }, a, b) => [(nearest(a, cx) - cx) * size + w / 2, (b - cy) * size + h / 2];

  // Give each sighting in view, and half a view around, its cell.
  function settle() {
    const { cx, cy, size, w, h } = view(), step = CELL / (512 * 2 ** Math.floor(map.getZoom()));
    const west = Math.floor((cx - w / size) / step), north = Math.floor((cy - h / size) / step);
    const columns = Math.ceil((2 * w) / size / step) + 1, rows = Math.ceil((2 * h) / size / step) + 1;
    for (let i = 0; i < count; i++) {
      u[i] = nearest(x[i], cx);
      const c = Math.floor(u[i] / step) - west, r = Math.floor(y[i] / step) - north;
      cell[i] = c >= 0 && c < columns && r >= 0 && r < rows ? r * columns + c : -1;
    }
    grid = { columns, rows };
    tally = new Int32Array(columns * rows * K);
    sumX = new Float64Array(columns * rows);
    sumY = new Float64Array(columns * rows);
  }

  // Count what lies between the two days.
  function reckon() {
    const [a, b] = span();
    run = [rank(a), rank(b + 1)];
    for (const counted of [tally, sumX, sumY, atPlace]) counted.fill(0);
    for (let i = run[0]; i < run[1]; i++) {
      atPlace[place[i]]++;
      const c = cell[i];
      if (c < 0) continue;
      tally[c * K + kind[i]]++;
      sumX[c] += u[i];
      sumY[c] += y[i];
    }
    bins = [];
    for (let c = 0; c < grid.columns * grid.rows; c++) {
      let number = 0, most = 0;
      for (let k = 0; k < K; k++) { const n = tally[c * K + k]; number += n; if (n > tally[c * K + most]) most = k; }
      if (number) bins.push({ cell: c, number, x: sumX[c] / number, y: sumY[c] / number, what: kinds[most], text: number > 9999 ? `${Math.round(number / 1000)}k` : `${number}` });
    }
    bins.sort((p, q) => q.number - p.number);
    const pairs = new Map();
    for (const v of data.voyages) {
      if (v.day < a || v.day > b) continue;
      const key = `${v.origin}\0${v.destination}`, pair = pairs.get(key) ?? { origin: v.origin, destination: v.destination, ends: v.ends, sum: 0 };
      pair.sum += v.probability;
      pairs.set(key, pair);
    }
    routes = [...pairs.values()];
    shown.textContent = say("{n} of {m} sightings", { n: (run[1] - run[0]).toLocaleString("en"), m: count.toLocaleString("en") });
    document.querySelector("#from-day").value = date(a);
    document.querySelector("#to-day").value = date(b);
    box.dataset.bins = String(bins.length);
  }

  function paint() {
    const at = view(), ratio = devicePixelRatio || 1;
    if (over.width !== Math.round(at.w * ratio) || over.height !== Math.round(at.h * ratio)) { over.width = Math.round(at.w * ratio); over.height = Math.round(at.h * ratio); }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, at.w, at.h);
    pen.lineCap = "round";
    pen.strokeStyle = VOYAGE;
    pen.globalAlpha = 0.75;
    for (const route of routes) {
      pen.lineWidth = 1 + 1.2 * Math.sqrt(route.sum);
      pen.beginPath();
      for (const [a, b] of route.ends) pen.lineTo(...screen(at, a, b));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.font = FONT;
    pen.textBaseline = "middle";
    const outside = ([a, b]) => a < -60 || b < -30 || a > at.w + 60 || b > at.h + 30;
    pen.lineWidth = 2;
    for (const p of spots) {
      const xy = screen(at, p.x, p.y);
      if (!outside(xy)) circle(...xy, 4, "#fff", INK);
    }
    pen.textAlign = "center";
    pen.lineWidth = 1.5;
    for (const bin of bins) {
      const xy = screen(at, bin.x, bin.y), fill = colour(bin.what), light = fill === "#ffffff";
      if (outside(xy)) continue;
      form(FORMS[bin.what] ?? "triangle", ...xy, radius(bin.number), fill, light ? INK : "#fff");
      if (bin.number > 1) { pen.fillStyle = light ? INK : "#fff"; pen.fillText(bin.text, ...xy); }
    }
    names(at, outside);
  }

  function circle(a, b, r, fill, edge) {
    pen.beginPath();
    pen.arc(a, b, r, 0, 7);
    pen.fillStyle = fill;
    pen.fill();
    pen.strokeStyle = edge;
    pen.stroke();
  }

  // The same area whatever the form, so that none looks like more.
  function form(name, a, b, r, fill, edge) {
    if (name === "circle") { circle(a, b, r, fill, edge); return; }
    const s = { square: 0.886, diamond: 1.253, triangle: 1.347 }[name] * r;
    pen.beginPath();
    if (name === "square") pen.rect(a - s, b - s, 2 * s, 2 * s);
    else for (const [c, d] of name === "diamond" ? [[0, -s], [s, 0], [0, s], [-s, 0]] : [[0, -1.155 * s], [s, 0.577 * s], [-s, 0.577 * s]]) pen.lineTo(a + c, b + d);
    pen.closePath();
    pen.fillStyle = fill;
    pen.fill();
    pen.strokeStyle = edge;
    pen.stroke();
  }

  // Names of the places with most to show first; one that would lie on another is left out until there is room.
  function names(at, outside) {
    const taken = [];
    pen.textAlign = "left";
    pen.lineJoin = "round";
    pen.lineWidth = 3.5;
    pen.strokeStyle = "#ffffffe0";
    pen.fillStyle = INK;
    for (const p of spots.toSorted((a, b) => b.sightings - a.sightings).filter((p) => !outside(screen(at, p.x, p.y))).slice(0, NAMED)) {
      const [a, b] = screen(at, p.x, p.y), left = a + radius(p.code < 0 ? 0 : atPlace[p.code]) + 5;
      p.wide ??= pen.measureText(p.place).width;
      const area = [left, b - 8, left + p.wide, b + 8];
      if (taken.some((t) => t[0] < area[2] && t[2] > area[0] && t[1] < area[3] && t[3] > area[1])) continue;
      taken.push(area);
      pen.strokeText(p.place, left, b);
      pen.fillText(p.place, left, b);
    }
  }

  // --- the list beside the map: places, or what was pressed ------------------------------

  const items = new Map(), first = document.createElement("ul"), voyages = element("button", say("Voyages tied down"), { type: "button", class: "quiet voyages" });
  const totals = new Int32Array(all.place.words.length);
  for (let i = 0; i < count; i++) if (day[i] >= 0 && day[i] <= +to.max) totals[place[i]]++;
  for (const code of [...totals.keys()].sort((a, b) => totals[b] - totals[a]).slice(0, LISTED)) {
    const name = all.place.words[code], button = element("button", name || say("at sea, no named place"), { type: "button", class: "quiet" }), number = element("small", "");
    button.append(number);
    button.addEventListener("click", () => {
      const known = named.get(name);
      if (known) map.easeTo({ center: [known.lon, known.lat], zoom: Math.max(map.getZoom(), 11.5), duration: still() ? 0 : 600 });
      open({ title: name || say("At sea"), holds: (i) => place[i] === code, why: known?.why });
    });
    const item = document.createElement("li");
    item.append(button);
    first.append(item);
    items.set(code, { item, number });
  }
  voyages.append(element("small", ""));
  voyages.addEventListener("click", () => open({ title: say("Voyages"), route: () => true }));

  function fill() {
    if (opened) { tell(); return; }
    for (const [code, { item, number }] of items) { number.textContent = atPlace[code].toLocaleString("en"); item.hidden = !atPlace[code]; }
    const [a, b] = span();
    voyages.lastChild.textContent = String(data.voyages.filter((v) => v.day >= a && v.day <= b).length);
    if (list.firstChild !== first) list.replaceChildren(first, ...(data.voyages.length ? [voyages] : []));
    if (!list.querySelector("h2")) list.prepend(element("h2", say("Places")));
  }

  function open(asked) {
    opened = asked;
    tell();
    list.querySelector("h2").focus({ preventScroll: true });
  }

  function tell() {
    const back = element("button", say("All places"), { type: "button", class: "quiet" }), rows = document.createElement("ul"), [a, b] = span();
    back.addEventListener("click", () => { opened = null; list.replaceChildren(); fill(); list.querySelector("button")?.focus(); });
    let number = 0;
    const add = (why, when, words, text) => {
      if (++number > LISTED) return;
      const item = document.createElement("li");
      item.append(element("a", when, { href: `/why/${encodeURIComponent(why)}` }), ` ${words}`);
      if (text) item.append(element("small", text));
      rows.append(item);
    };
    if (opened.route) {
      for (const v of data.voyages) if (v.day >= a && v.day <= b && opened.route(v)) add(v.why, v.date, `${v.ship}, ${say("{a} to {b}", { a: v.origin, b: v.destination })}`, say("probability {p}", { p: `${Math.round(v.probability * 100)}\u202f%` }));
    } else {
      for (let i = run[0]; i < run[1]; i++) {
        if (!opened.holds(i)) continue;
        const of = order[i], ship = all.vessel.words[all.vessel.codes[of]];
        add(all.why[of], date(day[i]), `${word(kinds[kind[i]])}${ship ? ` ${ship}` : ""}`, data.texts[all.why[of]]);
      }
    }
    const parts = [back, element("h2", `${opened.title}: ${number.toLocaleString("en")}`, { tabindex: "-1" })];
    if (opened.why) parts.push(element("a", say("the place in the case"), { href: `/why/${encodeURIComponent(opened.why)}` }));
    if (number > LISTED) parts.push(element("p", say("The first {n} are listed; narrow the time to see others.", { n: LISTED }), { class: "note" }));
    list.replaceChildren(...parts, rows);
  }

  // --- pressing, sliding, playing --------------------------------------------------------

  function hit({ x: a, y: b }) {
    const at = view();
    const near = (p, r) => { const [c, d] = screen(at, p.x, p.y); return Math.hypot(a - c, b - d) <= r; };
    const bin = bins.findLast((one) => near(one, Math.max(radius(one.number), 10)));
    if (bin) {
      const codes = new Set();
      for (let i = run[0]; i < run[1] && codes.size < 4; i++) if (cell[i] === bin.cell && all.place.words[place[i]]) codes.add(place[i]);
      const words = [...codes].map((c) => all.place.words[c]), marks = cell, of = bin.cell, held = new Uint8Array(count);
      return () => {
        for (let i = 0; i < count; i++) held[i] = marks[i] === of;  // kept: the cells change when the map moves
        open({ title: words.length === 1 ? words[0] : words.length ? `${words.slice(0, 2).join(", ")}${words.length > 2 ? ` ${say("and near")}` : ""}` : say("Here"), holds: (i) => held[i] });
      };
    }
    const spot = spots.find((p) => near(p, 10));
    if (spot) return () => open({ title: spot.place, holds: (i) => place[i] === spot.code, why: spot.why });
    const route = routes.find(({ ends }) => distance([a, b], ...ends.map(([c, d]) => screen(at, c, d))) < 6);
    return route && (() => open({ title: say("{a} to {b}", { a: route.origin, b: route.destination }), route: (v) => v.origin === route.origin && v.destination === route.destination }));
  }

  let due = false;
  function redraw() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      performance.mark("step");
      reckon();
      paint();
      fill();
      performance.measure("step", "step");
    });
  }
  for (const slider of [from, to]) slider.addEventListener("input", redraw);
  let timer = null;
  const play = document.querySelector("#play");
  function stop() { clearInterval(timer); timer = null; play.textContent = say("Play"); }
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    play.textContent = say("Stop");
    if (+to.value >= +to.max) to.value = from.value;
    timer = setInterval(() => {
      to.value = +to.value + 7;
      redraw();
      if (+to.value >= +to.max) stop();
    }, 120);
  });
  map.on("render", paint);
  map.on("moveend", () => { settle(); reckon(); paint(); });
  map.on("click", (event) => hit(event.point)?.());
  map.on("mousemove", (event) => { map.getCanvas().style.cursor = hit(event.point) ? "pointer" : ""; });
  settle();
  reckon();
  fill();
  paint();
  const legend = document.querySelector("#legend");
  legend.replaceChildren(...[...new Set(all.what.codes)].map((code) => { const item = element("span", word(kinds[code])), dot = element("i", "", { class: FORMS[kinds[code]] ?? "triangle" }); dot.style.background = colour(kinds[code]); item.prepend(dot); return item; }));
  if (data.voyages.length) { const item = element("span", say("voyages tied down, by number; lines join ports and are no tracks")), dash = element("i", "", { class: "dash" }); item.prepend(dash); legend.append(item); }
  if (!map.loaded()) await new Promise((done) => map.once("load", done));
  const coast = await land;
  document.querySelector("#credit").textContent = coast.credit;
  map.addSource("land", { type: "geojson", data: coast, tolerance: 0.1, maxzoom: 15 });
  const part = (name) => ["==", ["get", "part"], name];
  map.addLayer({ id: "far", type: "fill", source: "land", filter: part("far"), paint: { "fill-color": "#f6f3ec" } });
  map.addLayer({ id: "near", type: "fill", source: "land", filter: part("near"), paint: { "fill-color": "#dfe9f0" } });
  // Far off the coast has no line: it would also be drawn where the window of the finer land ends.
  map.addLayer({ id: "land", type: "fill", source: "land", filter: part("land"), paint: { "fill-color": "#f6f3ec", "fill-outline-color": ["step", ["zoom"], "#f6f3ec", 5, "#8795a1"] } });
  map.addLayer({ id: "window", type: "fill", source: "land", minzoom: 7, filter: part("window"), paint: { "fill-color": "#dfe9f0" } });
  map.addLayer({ id: "detail", type: "fill", source: "land", minzoom: 7, filter: part("detail"), paint: { "fill-color": "#f6f3ec" } });
  map.addLayer({ id: "shore", type: "line", source: "land", minzoom: 7, filter: part("shore"), paint: { "line-color": "#8795a1", "line-width": 1 } });
  map.once("idle", () => { box.dataset.ready = "1"; });
}

// Open on the places with most to show; far places are reached through the list.
function opening(data) {
  const { lon, lat } = data.sightings, busy = data.places.filter((p) => p.sightings > 0 || p.voyages > 0).map((p) => [p.lon, p.lat]);
  const spots = busy.length ? busy : data.places.length ? data.places.map((p) => [p.lon, p.lat]) : lon.map((v, i) => [v, lat[i]]);
  const middle = median(spots), near = spots.filter(([a, b]) => Math.hypot(a - middle[0], b - middle[1]) < 12);
  const west = near.map((p) => p[0]), south = near.map((p) => p[1]);
  return near.length ? [[least(west) - 0.3, least(south) - 0.2], [most(west) + 0.5, most(south) + 0.2]] : [[-180, -80], [180, 80]];
}

// From a point to a line between two others, in pixels.
function distance([a, b], [c, d], [e, f]) {
  const long = (e - c) ** 2 + (f - d) ** 2, t = long ? Math.max(0, Math.min(1, ((a - c) * (e - c) + (b - d) * (f - d)) / long)) : 0;
  return Math.hypot(a - c - t * (e - c), b - d - t * (f - d));
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

function median(points) {
  const mid = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return [mid(points.map((p) => p[0])), mid(points.map((p) => p[1]))];
}
