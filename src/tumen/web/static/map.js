// The map: land, places, sightings and voyages of the case, with two sliders for time.
//
// Sightings come as columns. Each redraw bins those in the window of time and in view into cells of
// the screen, so that 100,000 draw as fast as 100 and none lies hidden under another. Words on the
// map are drawn as images: no font is fetched.
import { Map as Chart, NavigationControl, ScaleControl, setWorkerUrl } from "/static/vendor/maplibre-gl.mjs";

setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");

const CELL = 54; // pixels, wide enough for the largest circle
const LISTED = 60;
const COLOURS = { vessel: "#0a4f8c", stack: "#a34400", railcars: "#0b6b50", nothing: "#ffffff" };
const OTHER = "#6b5b00";
const WORDS = { vessel: "ship", stack: "stack of containers", railcars: "rail wagons", nothing: "nothing there" };

const box = document.querySelector("#map");
if (box) start();

const colour = (what) => COLOURS[what] ?? OTHER;
const word = (what) => WORDS[what] ?? what.replaceAll("_", " ");

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A word as an image, so that no glyphs are needed.
function drawn(text, { size, ink, halo }) {
  const ratio = 2, canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  const font = `600 ${size * ratio}px "Inter","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif`;
  pen.font = font;
  canvas.width = Math.ceil(pen.measureText(text).width) + 10 * ratio;
  canvas.height = Math.ceil(size * 1.5 * ratio);
  pen.font = font;
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  if (halo) { pen.lineWidth = 4 * ratio; pen.lineJoin = "round"; pen.strokeStyle = halo; pen.strokeText(text, canvas.width / 2, canvas.height / 2); }
  pen.fillStyle = ink;
  pen.fillText(text, canvas.width / 2, canvas.height / 2);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

const empty = { type: "FeatureCollection", features: [] };
const point = (lon, lat, properties) => ({ type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties });

async function start() {
  const [data, land] = await Promise.all([box.dataset.source, "/land.json"].map(async (source) => (await fetch(source)).json()));
  document.querySelector("#credit").textContent = land.credit;
  const { lon, lat, day, what, place, why } = data.sightings, count = lon.length;
  // Mercator units 0..1, as the map counts them, so that a cell is a share of the world.
  const x = Float64Array.from(lon, (v) => (v + 180) / 360);
  const y = Float64Array.from(lat, (v) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (v * Math.PI) / 360)) / (2 * Math.PI));
  const spots = data.places.map((p) => [p.lon, p.lat]);
  if (!spots.length) for (let i = 0; i < count; i++) spots.push([lon[i], lat[i]]);
  // Open on the places with most to show; far places are reached through the list.
  const busy = data.places.filter((p) => p.sightings > 0 || p.voyages > 0).map((p) => [p.lon, p.lat]);
  const middle = median(busy.length ? busy : spots);
  const near = (busy.length ? busy : spots).filter(([a, b]) => Math.hypot(a - middle[0], b - middle[1]) < 12);
  const west = near.map((p) => p[0]), south = near.map((p) => p[1]);
  const bounds = near.length ? [[least(west) - 0.3, least(south) - 0.2], [most(west) + 0.5, most(south) + 0.2]] : [[-180, -80], [180, 80]];
  const map = new Chart({
    container: box, bounds, fitBoundsOptions: { padding: 40, maxZoom: 11 }, attributionControl: false, fadeDuration: 0,
    dragRotate: false, pitchWithRotate: false,
    style: {
      version: 8,
      sources: {
        land: { type: "geojson", data: land, tolerance: 0.1, maxzoom: 15 },
        voyages: { type: "geojson", data: empty },
        bins: { type: "geojson", data: empty },
        places: { type: "geojson", data: { type: "FeatureCollection", features: data.places.map((p) => point(p.lon, p.lat, { name: p.place, image: `name:${p.place}`, rank: -p.sightings, offset: [Math.min(6 + 3.2 * Math.sqrt(p.sightings), 25) + 8, 0] })) } },
      },
      layers: [
        { id: "sea", type: "background", paint: { "background-color": "#dfe9f0" } },
        { id: "land", type: "fill", source: "land", filter: ["==", ["get", "part"], "land"], paint: { "fill-color": "#f6f3ec", "fill-outline-color": "#8795a1" } },
        { id: "window", type: "fill", source: "land", minzoom: 7, filter: ["==", ["get", "part"], "window"], paint: { "fill-color": "#dfe9f0" } },
        { id: "detail", type: "fill", source: "land", minzoom: 7, filter: ["==", ["get", "part"], "detail"], paint: { "fill-color": "#f6f3ec" } },
        { id: "shore", type: "line", source: "land", minzoom: 7, filter: ["==", ["get", "part"], "shore"], paint: { "line-color": "#8795a1", "line-width": 1 } },
        { id: "voyage", type: "line", source: "voyages", layout: { "line-cap": "round" }, paint: { "line-color": "#7a3b73", "line-width": ["get", "width"], "line-opacity": 0.75 } },
        { id: "place", type: "circle", source: "places", paint: { "circle-radius": 4, "circle-color": "#fff", "circle-stroke-color": "#1a2027", "circle-stroke-width": 2 } },
        { id: "bin", type: "circle", source: "bins", paint: { "circle-radius": ["get", "radius"], "circle-color": ["get", "colour"], "circle-opacity": 1, "circle-stroke-color": ["get", "edge"], "circle-stroke-width": 1.5 } },
        { id: "number", type: "symbol", source: "bins", filter: [">", ["get", "number"], 1], layout: { "icon-image": ["get", "image"], "icon-allow-overlap": true } },
        { id: "name", type: "symbol", source: "places", layout: { "icon-image": ["get", "image"], "icon-anchor": "left", "icon-offset": ["get", "offset"], "symbol-sort-key": ["get", "rank"] } },
      ],
    },
  });
  map.setMissingStyleImageResolver((id) => {
    if (map.hasImage(id)) return;
    const [kind, text] = [id.slice(0, 4), id.slice(5)];
    if (kind === "name") map.addImage(id, drawn(text, { size: 12, ink: "#1a2027", halo: "#ffffffd9" }), { pixelRatio: 2 });
    if (kind === "numb") map.addImage(id, drawn(text, { size: 12, ink: "#fff" }), { pixelRatio: 2 });
    if (kind === "dark") map.addImage(id, drawn(text, { size: 12, ink: "#1a2027" }), { pixelRatio: 2 });
  });
  map.addControl(new NavigationControl({ showCompass: false }));
  map.addControl(new ScaleControl());

  const from = document.querySelector("#from"), to = document.querySelector("#to"), shown = document.querySelector("#shown");
  const list = document.querySelector("#map-list");
  const date = (n) => new Date(Date.parse(box.dataset.start) + n * 864e5).toISOString().slice(0, 10);
  const span = () => [Math.min(+from.value, +to.value), Math.max(+from.value, +to.value)];
  let members = [], loaded = false;

  function draw() {
    const [a, b] = span(), scale = 512 * 2 ** Math.floor(map.getZoom()), cells = new Map();
    const view = map.getBounds(), pad = 0.15;
    const w = view.getWest() - pad, e = view.getEast() + pad, s = view.getSouth() - pad, n = view.getNorth() + pad;
    let all = 0;
    for (let i = 0; i < count; i++) {
      if (day[i] < a || day[i] > b) continue;
      all++;
      if (lon[i] < w || lon[i] > e || lat[i] < s || lat[i] > n) continue;
      const key = Math.floor((x[i] * scale) / CELL) * 4194304 + Math.floor((y[i] * scale) / CELL);
      const cell = cells.get(key);
      if (cell) { cell.rows.push(i); cell.lon += lon[i]; cell.lat += lat[i]; } else cells.set(key, { rows: [i], lon: lon[i], lat: lat[i] });
    }
    members = [...cells.values()];
    const features = members.map((cell, at) => {
      const number = cell.rows.length, tally = new Map();
      for (const i of cell.rows) tally.set(what.codes[i], (tally.get(what.codes[i]) ?? 0) + 1);
      const kind = what.words[[...tally].sort((p, q) => q[1] - p[1])[0][0]], fill = colour(kind), light = fill === "#ffffff";
      const text = number > 9999 ? `${Math.round(number / 1000)}k` : `${number}`;
      return point(cell.lon / number, cell.lat / number, { at, number, colour: fill, edge: light ? "#1a2027" : "#fff", radius: Math.min(6 + 3.2 * Math.sqrt(number), 25), image: `${light ? "dark" : "numb"}:${text}` });
    });
    map.getSource("bins")?.setData({ type: "FeatureCollection", features });
    shown.textContent = `${all.toLocaleString("en")} of ${count.toLocaleString("en")} sightings`;
    document.querySelector("#from-day").value = date(a);
    document.querySelector("#to-day").value = date(b);
    box.dataset.bins = String(features.length);
  }

  function lines() {
    const [a, b] = span(), pairs = new Map();
    for (const v of data.voyages) {
      if (v.day < a || v.day > b) continue;
      const key = `${v.origin}\0${v.destination}`, pair = pairs.get(key) ?? { ends: v.line, sum: 0 };
      pair.sum += v.probability;
      pairs.set(key, pair);
    }
    map.getSource("voyages")?.setData({ type: "FeatureCollection", features: [...pairs.values()].map((p) => ({ type: "Feature", geometry: { type: "LineString", coordinates: p.ends }, properties: { width: 1 + 1.2 * Math.sqrt(p.sum) } })) });
  }

  function places() {
    const [a, b] = span(), tally = new Map();
    for (let i = 0; i < count; i++) if (day[i] >= a && day[i] <= b) tally.set(place.codes[i], (tally.get(place.codes[i]) ?? 0) + 1);
    const head = element("h2", "Places");
    const items = document.createElement("ul");
    for (const [code, number] of [...tally].sort((p, q) => q[1] - p[1]).slice(0, LISTED)) {
      const name = place.words[code], button = element("button", name || "at sea, no named place", { type: "button", class: "quiet" });
      button.append(element("small", ` ${number.toLocaleString("en")}`));
      button.addEventListener("click", () => {
        const rows = [];
        for (let i = 0; i < count; i++) if (place.codes[i] === code && day[i] >= a && day[i] <= b) rows.push(i);
        const known = data.places.find((p) => p.place === name);
        if (known) map.easeTo({ center: [known.lon, known.lat], zoom: Math.max(map.getZoom(), 11.5), duration: still() ? 0 : 600 });
        told(name || "At sea", rows);
      });
      const item = document.createElement("li");
      item.append(button);
      items.append(item);
    }
    list.replaceChildren(head, items);
  }

  function told(title, rows) {
    const back = element("button", "All places", { type: "button", class: "quiet" });
    back.addEventListener("click", () => { places(); list.querySelector("button")?.focus(); });
    const items = document.createElement("ul");
    for (const i of rows.toSorted((p, q) => day[p] - day[q]).slice(0, LISTED)) {
      const item = document.createElement("li"), link = element("a", date(day[i]), { href: `/why/${encodeURIComponent(why[i])}` });
      item.append(link, ` ${word(what.words[what.codes[i]])}${data.sightings.vessel.words[data.sightings.vessel.codes[i]] ? ` ${data.sightings.vessel.words[data.sightings.vessel.codes[i]]}` : ""}`);
      const text = data.texts[why[i]];
      if (text) item.append(element("small", text));
      items.append(item);
    }
    const parts = [back, element("h2", `${title}: ${rows.length.toLocaleString("en")}`, { tabindex: "-1" }), items];
    if (rows.length > LISTED) parts.push(element("p", `The first ${LISTED} are listed; narrow the time to see others.`, { class: "note" }));
    list.replaceChildren(...parts);
    list.querySelector("h2").focus({ preventScroll: true });
  }

  let due = false;
  function redraw(also = true) {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      draw();
      if (also) { lines(); places(); }
    });
  }
  for (const slider of [from, to]) slider.addEventListener("input", () => redraw());
  let timer = null;
  const play = document.querySelector("#play");
  function stop() { clearInterval(timer); timer = null; play.textContent = "Play"; }
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    play.textContent = "Stop";
    if (+to.value >= +to.max) to.value = from.value;
    timer = setInterval(() => {
      to.value = +to.value + 7;
      redraw();
      if (+to.value >= +to.max) stop();
    }, 120);
  });
  map.on("moveend", () => { if (loaded) redraw(false); });
  map.on("load", () => {
    loaded = true;
    draw();
    lines();
    places();
    map.once("idle", () => { box.dataset.ready = "1"; });
  });
  map.on("mouseenter", "bin", () => { map.getCanvas().style.cursor = "pointer"; });
  map.on("mouseleave", "bin", () => { map.getCanvas().style.cursor = ""; });
  map.on("click", "bin", (event) => {
    const cell = members[event.features[0].properties.at];
    const names = [...new Set(cell.rows.map((i) => place.words[place.codes[i]]))].filter(Boolean);
    told(names.length === 1 ? names[0] : names.length ? `${names.slice(0, 2).join(", ")}${names.length > 2 ? " and near" : ""}` : "Here", cell.rows);
  });
  const legend = document.querySelector("#legend");
  const kinds = [...new Set(what.codes)].map((code) => what.words[code]);
  legend.replaceChildren(...kinds.map((kind) => { const item = element("span", word(kind)); const dot = element("i", ""); dot.style.background = colour(kind); item.prepend(dot); return item; }));
  if (data.voyages.length) { const item = element("span", "voyages tied down, by number; lines join ports and are no tracks"), dash = element("i", "", { class: "dash" }); item.prepend(dash); legend.append(item); }
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

function median(points) {
  const mid = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return [mid(points.map((p) => p[0])), mid(points.map((p) => p[1]))];
}
