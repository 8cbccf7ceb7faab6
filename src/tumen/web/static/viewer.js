// Looking into a scene: tiles of its pixels, outlines of berths and ships, lengths on the ground, a marking as a sighting.
"use strict";

window.addEventListener("load", async () => {
  const box = document.querySelector("#viewer");
  if (!box || !window.OpenSeadragon) return;
  const { scene, id, sensor } = box.dataset, width = +box.dataset.width, height = +box.dataset.height, pixel = +box.dataset.pixel || null;
  const viewer = OpenSeadragon({
    element: box, showNavigationControl: false, drawer: "canvas", animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.4,
    maxZoomPixelRatio: 12, visibilityRatio: 0.3, imageSmoothingEnabled: false, gestureSettingsMouse: { clickToZoom: false },
    tileSources: { width, height, tileSize: 256, minLevel: 8, getTileUrl: (level, x, y) => `/scene/${scene}/${level}/${x}_${y}.png` },
  });
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, attributes) => { const made = document.createElementNS(SVG, name); for (const [k, v] of Object.entries(attributes)) made.setAttribute(k, v); return made; };
  const over = make("svg", { class: "over-image", role: "application", "aria-label": "Line to measure" }), areas = make("g", { class: "areas" }), ships = make("g", { class: "ships" }), ruler = make("g", { class: "ruler" });
  over.append(areas, ships, ruler);
  viewer.canvas.append(over);
  const told = document.querySelector("#told");
  let shapes = { areas: [], ships: [] }, line = null;

  const onScreen = (x, y) => viewer.viewport.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
  const onImage = (x, y) => viewer.viewport.viewerElementToImageCoordinates(new OpenSeadragon.Point(x, y));
  const ring = (points) => points.map(([x, y]) => { const p = onScreen(x, y); return `${p.x.toFixed(1)},${p.y.toFixed(1)}`; }).join(" ");

  function draw() {
    if (!viewer.world.getItemCount()) return;
    areas.replaceChildren(...shapes.areas.flatMap((a) => {
      const top = a.points.reduce((p, q) => (q[1] < p[1] ? q : p)), at = onScreen(...top), name = make("text", { x: at.x, y: at.y - 4 });
      name.textContent = a.name;
      return [make("polygon", { points: ring(a.points), class: a.kind }), name];
    }));
    ships.replaceChildren(...shapes.ships.map((s) => make("polygon", { points: ring(s.points) })));
    ruler.replaceChildren();
    if (line) {
      const a = onScreen(line.x1, line.y1), b = onScreen(line.x2, line.y2);
      ruler.append(make("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y }), make("circle", { cx: a.x, cy: a.y, r: 4 }), make("circle", { cx: b.x, cy: b.y, r: 4 }));
    }
  }
  viewer.addHandler("open", () => { draw(); box.dataset.ready = "1"; });
  viewer.addHandler("update-viewport", draw);
  viewer.addHandler("resize", draw);
  shapes = await (await fetch(`/scene/${scene}/outlines.json`)).json();
  draw();
  document.querySelector("#ships").addEventListener("change", (e) => { ships.style.display = e.target.checked ? "" : "none"; });
  document.querySelector("#areas").addEventListener("change", (e) => { areas.style.display = e.target.checked ? "" : "none"; });
  document.querySelector("#whole").addEventListener("click", () => viewer.viewport.goHome());
  for (const go of document.querySelectorAll("button.go")) go.addEventListener("click", () => {
    const half = Math.max(60, 3 * go.dataset.long), x = +go.dataset.x, y = +go.dataset.y;
    viewer.viewport.fitBounds(viewer.viewport.imageToViewportRectangle(x - half, y - half, 2 * half, 2 * half));
    box.scrollIntoView({ block: "center" });
  });

  // Measuring: a line drawn with pointer; its length on the ground is asked of the scene's own georeference.
  const measure = document.querySelector("#measure");
  let measuring = false;
  measure.addEventListener("click", () => {
    measuring = !measuring;
    measure.setAttribute("aria-pressed", String(measuring));
    viewer.setMouseNavEnabled(!measuring);
    over.classList.toggle("measuring", measuring);
    told.textContent = measuring ? "Draw a line from stem to stern; or move its ends with the arrow keys, change ends with the space bar, end with Enter." : "";
    if (measuring) over.setAttribute("tabindex", "0"); else over.removeAttribute("tabindex");
  });
  // Without a pointer: arrows move one end by a pixel of the screen, with Shift by ten.
  let end = 2;
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  over.addEventListener("keydown", (event) => {
    if (!measuring || !(event.key in ARROWS || event.key === " " || event.key === "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!line) {
      const a = onImage(box.clientWidth / 2 - 40, box.clientHeight / 2), b = onImage(box.clientWidth / 2 + 40, box.clientHeight / 2);
      line = { x1: a.x, y1: a.y, x2: b.x, y2: b.y };
    }
    if (event.key === " ") { end = 3 - end; told.textContent = `End ${end}.`; return; }
    if (event.key === "Enter") { ask(); return; }
    const by = event.shiftKey ? 10 : 1, [dx, dy] = ARROWS[event.key], at = onScreen(line[`x${end}`], line[`y${end}`]), moved = onImage(at.x + by * dx, at.y + by * dy);
    line[`x${end}`] = moved.x;
    line[`y${end}`] = moved.y;
    about();
    draw();
  });
  const place = (event) => { const r = box.getBoundingClientRect(); return onImage(event.clientX - r.left, event.clientY - r.top); };
  over.addEventListener("pointerdown", (event) => {
    if (!measuring) return;
    event.preventDefault();
    event.stopPropagation();
    over.setPointerCapture(event.pointerId);
    const p = place(event);
    line = { x1: p.x, y1: p.y, x2: p.x, y2: p.y, drawing: true };
  });
  over.addEventListener("pointermove", (event) => {
    if (!line?.drawing) return;
    const p = place(event);
    line.x2 = p.x;
    line.y2 = p.y;
    about();
    draw();
  });
  function about() {
    const long = Math.hypot(line.x2 - line.x1, line.y2 - line.y1);
    told.textContent = pixel ? `about ${Math.round(long * pixel)} m` : `${Math.round(long)} pixels`;
  }
  over.addEventListener("pointerup", () => {
    if (!line?.drawing) return;
    line.drawing = false;
    ask();
  });
  async function ask() {
    const query = new URLSearchParams(["x1", "y1", "x2", "y2"].map((k) => [k, line[k].toFixed(2)]));
    const found = await (await fetch(`/scene/${scene}/line.json?${query}`)).json();
    const long = found.length_m === null ? `${found.pixels} pixels (the scene has no pixel size)` : `${Math.round(found.length_m)} m (${found.pixels} pixels${pixel ? `, give or take ${Math.round(1.4 * pixel)} m for the ends` : ""})`;
    told.textContent = `${long}${found.heading_deg === null ? "" : `, axis ${Math.round(found.heading_deg)}°`}${found.berth ? `, ${found.berth}` : found.place ? `, ${found.place}` : ""} `;
    if (box.dataset.write !== "1") return;
    const local = JSON.parse(box.dataset.local)[found.place] ?? { date: box.dataset.day, time: "" };
    const fields = new URLSearchParams({
      what: "vessel", known_by: "direct", date: local.date, time: local.time, place: found.place ?? "", length_m: found.length_m === null ? "" : String(Math.round(found.length_m)), state: found.berth ? "berthed" : "",
      where: found.place ? found.berth ?? "" : found.lat === null ? "" : `${found.lat}, ${found.lon}`,
      text: `A ship${found.berth ? ` at ${found.berth}` : ""} in our own look at ${sensor}`,
      note: `Measured in ${id} from pixel (${line.x1.toFixed(1)}, ${line.y1.toFixed(1)}) to (${line.x2.toFixed(1)}, ${line.y2.toFixed(1)})${found.lat === null ? "" : `, middle at ${found.lat}, ${found.lon}`}`,
      ...(box.dataset.simulated === "1" ? { simulated: "yes" } : {}),
    });
    const link = document.createElement("a");
    link.href = `/add/sighting?${fields}`;
    link.className = "button quiet";
    link.id = "as-sighting";
    link.textContent = "Save as a sighting…";
    told.append(link);
  }
});
