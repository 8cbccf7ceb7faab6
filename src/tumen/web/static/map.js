// The map: land, places, sightings and voyages of the case, with two sliders for time.
import { Map, NavigationControl, Popup, ScaleControl, setWorkerUrl } from "/static/vendor/maplibre-gl.mjs";

setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");

const box = document.querySelector("#map");
if (box) start();

async function start() {
  const data = await (await fetch(box.dataset.source)).json();
  const points = data.features.features.flatMap((f) => (f.geometry.type === "Point" ? [f.geometry.coordinates] : f.geometry.coordinates));
  const here = points.filter(([lon]) => lon > 100);
  const near = here.length ? here : points;
  const bounds = near.length ? [[Math.min(...near.map((p) => p[0])) - 0.5, Math.min(...near.map((p) => p[1])) - 0.3], [Math.max(...near.map((p) => p[0])) + 0.5, Math.max(...near.map((p) => p[1])) + 0.3]] : [[-180, -80], [180, 80]];
  const map = new Map({
    container: box, bounds, attributionControl: false, fadeDuration: 0,
    style: {
      version: 8,
      sources: {
        land: { type: "geojson", data: "/land.json" },
        all: { type: "geojson", data: data.features },
      },
      layers: [
        { id: "sea", type: "background", paint: { "background-color": "#e4ecf1" } },
        { id: "land", type: "fill", source: "land", paint: { "fill-color": "#f4f1ea", "fill-outline-color": "#9aa7b1" } },
        { id: "voyage", type: "line", source: "all", filter: ["==", ["get", "layer"], "voyage"], paint: { "line-color": "#7a3b73", "line-width": 2, "line-opacity": ["coalesce", ["get", "probability"], 0.4] } },
        { id: "sighting", type: "circle", source: "all", filter: ["==", ["get", "layer"], "sighting"], paint: { "circle-radius": 6, "circle-color": ["match", ["get", "what"], "vessel", "#0a4f8c", "stack", "#a34400", "railcars", "#0b6b50", "#6a7681"], "circle-opacity": 0.55, "circle-stroke-color": "#fff", "circle-stroke-width": 1 } },
        { id: "place", type: "circle", source: "all", filter: ["==", ["get", "layer"], "place"], paint: { "circle-radius": 4, "circle-color": "#fff", "circle-stroke-color": "#1a2027", "circle-stroke-width": 2 } },
      ],
    },
  });
  map.addControl(new NavigationControl({ showCompass: false }));
  map.addControl(new ScaleControl());
  const from = document.querySelector("#from"), to = document.querySelector("#to"), shown = document.querySelector("#shown");
  const day = (n) => new Date(Date.parse(box.dataset.start) + n * 864e5).toISOString().slice(0, 10);
  const timed = data.features.features.filter((f) => f.properties.layer !== "place");
  function limit() {
    const a = Math.min(+from.value, +to.value), b = Math.max(+from.value, +to.value);
    document.querySelector("#from-day").value = day(a);
    document.querySelector("#to-day").value = day(b);
    shown.textContent = `${timed.filter((f) => f.properties.day >= a && f.properties.day <= b).length} shown`;
    for (const layer of ["sighting", "voyage"]) map.setFilter(layer, ["all", ["==", ["get", "layer"], layer], [">=", ["get", "day"], a], ["<=", ["get", "day"], b]]);
  }
  for (const slider of [from, to]) slider.addEventListener("input", limit);
  let timer = null;
  document.querySelector("#play").addEventListener("click", (event) => {
    if (timer) { clearInterval(timer); timer = null; event.target.textContent = "Play"; return; }
    event.target.textContent = "Stop";
    if (+to.value >= +to.max) to.value = from.value;
    timer = setInterval(() => {
      to.value = +to.value + 7;
      limit();
      if (+to.value >= +to.max) { clearInterval(timer); timer = null; event.target.textContent = "Play"; }
    }, 120);
  });
  map.on("load", () => { limit(); box.dataset.ready = "1"; });
  for (const layer of ["sighting", "place", "voyage"]) {
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
    map.on("click", layer, (event) => {
      const p = event.features[0].properties, node = document.createElement("div");
      const head = document.createElement("b"), text = document.createElement("p"), link = document.createElement("a");
      head.textContent = [p.date, p.name || p.place || `${p.origin} to ${p.destination}`, p.vessel || p.ship].filter((x) => x && x !== "null").join(" · ");
      text.textContent = p.text && p.text !== "null" ? p.text : p.kind || p.what || "";
      link.href = `/why/${encodeURIComponent(p.why)}`;
      link.textContent = "why";
      node.append(head, text, link);
      new Popup().setLngLat(event.lngLat).setDOMContent(node).addTo(map);
    });
  }
}
