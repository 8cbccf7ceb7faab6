// The chart under the marks where the browser has no WebGL 2: the same land, drawn by the processor.
//
// It answers to the few of MapLibre's names that map.js calls; dragging, the wheel, two buttons and the arrow keys move it.
const across = (lon) => (lon + 180) / 360;
const down = (lat) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);
const say = (words) => window.tumenSay?.(words) ?? words;
const TILE = 512, LEAST = 1, MOST = 15, NEAR = 7;
const SEA = "#dfe9f0", LAND = "#f6f3ec", SHORE = "#8795a1";

export class Flat {
  constructor({ container, bounds: [[west, south], [east, north]], fitBoundsOptions: { padding, maxZoom } }) {
    this.box = container;
    this.heard = {};
    this.paths = null;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "over-map";
    this.pen = this.canvas.getContext("2d");
    container.classList.add("flat-map");
    container.tabIndex = 0;
    container.replaceChildren(this.canvas, this.button("+", 1), this.button("\u2212", -1));
    const w = container.clientWidth - 2 * padding, h = container.clientHeight - 2 * padding;
    this.x = (across(west) + across(east)) / 2;
    this.y = (down(south) + down(north)) / 2;
    const size = Math.min(w / Math.max(across(east) - across(west), 1e-9), h / Math.max(down(south) - down(north), 1e-9));
    this.zoom = Math.max(LEAST, Math.min(maxZoom, Math.log2(size / TILE)));
    this.listen();
    new ResizeObserver(() => this.emit("moveend")).observe(container);
  }

  button(text, by) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.className = "quiet";
    made.title = say(by > 0 ? "Closer" : "Farther");
    made.setAttribute("aria-label", made.title);
    made.addEventListener("click", (event) => { event.stopPropagation(); this.closer(by); this.rest(); });
    return made;
  }

  listen() {
    const box = this.box, at = (event) => { const { left, top } = box.getBoundingClientRect(); return { x: event.clientX - left, y: event.clientY - top }; };
    let held = null, moved = false;
    box.addEventListener("pointerdown", (event) => { if (event.target.closest("button")) return; held = at(event); moved = false; box.setPointerCapture(event.pointerId); });
    box.addEventListener("pointermove", (event) => {
      const point = at(event);
      if (!held) { this.emit("mousemove", { point }); return; }
      if (!moved && Math.hypot(point.x - held.x, point.y - held.y) < 4) return;
      moved = true;
      this.shift(held.x - point.x, held.y - point.y);
      held = point;
    });
    const let_go = () => { if (held && moved) this.rest(); held = null; };
    box.addEventListener("pointerup", let_go);
    box.addEventListener("pointercancel", let_go);
    box.addEventListener("click", (event) => { if (!moved && !event.target.closest("button")) this.emit("click", { point: at(event) }); });
    box.addEventListener("wheel", (event) => { event.preventDefault(); this.closer(-event.deltaY / 300, at(event)); this.rest(); }, { passive: false });
    const arrows = { ArrowLeft: [-80, 0], ArrowRight: [80, 0], ArrowUp: [0, -80], ArrowDown: [0, 80] };
    box.addEventListener("keydown", (event) => {
      if (event.target !== box) return;
      if (arrows[event.key]) this.shift(...arrows[event.key]);
      else if (event.key === "+" || event.key === "=") this.closer(1);
      else if (event.key === "-") this.closer(-1);
      else return;
      event.preventDefault();
      this.rest();
    });
  }

  get size() { return TILE * 2 ** this.zoom; }

  shift(a, b) {
    this.x = (((this.x + a / this.size) % 1) + 1) % 1;
    this.y = Math.max(0, Math.min(1, this.y + b / this.size));
    this.render();
  }

  // What lies under the pointer stays there.
  closer(by, point = { x: this.box.clientWidth / 2, y: this.box.clientHeight / 2 }) {
    const a = point.x - this.box.clientWidth / 2, b = point.y - this.box.clientHeight / 2, before = this.size;
    this.zoom = Math.max(LEAST, Math.min(MOST, this.zoom + by));
    this.shift(a * (this.size / before - 1), b * (this.size / before - 1));
  }

  render() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.draw(); this.emit("render"); });
  }

  // A wheel turns in many small steps: the marks are gathered anew when it stops.
  rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.emit("moveend"), 120);
  }

  draw() {
    const { clientWidth: w, clientHeight: h } = this.box, ratio = devicePixelRatio || 1, pen = this.pen, size = this.size;
    if (this.canvas.width !== Math.round(w * ratio) || this.canvas.height !== Math.round(h * ratio)) { this.canvas.width = Math.round(w * ratio); this.canvas.height = Math.round(h * ratio); }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = SEA;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.paths) return;
    // Each part in all its copies round the world before the next: a ring that crosses the date line lies in a neighbour's copy.
    const each = (act) => {
      for (const turn of [-1, 0, 1]) {
        // Paths lie about the first middle of the map, so that they stay sharp where they are wanted most.
        pen.setTransform(ratio * size, 0, 0, ratio * size, ratio * ((this.origin.x + turn - this.x) * size + w / 2), ratio * ((this.origin.y - this.y) * size + h / 2));
        act();
      }
    };
    const fill = (name, colour) => each(() => { pen.fillStyle = colour; pen.fill(this.paths[name], "evenodd"); });
    const stroke = (name) => each(() => pen.stroke(this.paths[name]));
    pen.lineWidth = 1 / size;
    pen.strokeStyle = SHORE;
    fill("far", LAND);
    fill("near", SEA);
    fill("land", LAND);
    if (this.zoom >= 5) stroke("land");  // farther off it would also be drawn where the finer land ends
    if (this.zoom < NEAR) return;
    fill("window", SEA);
    fill("detail", LAND);
    stroke("shore");
  }

  // The names of MapLibre that map.js calls.
  getCenter() { return { lng: this.x * 360 - 180, lat: (Math.atan(Math.exp((0.5 - this.y) * 2 * Math.PI)) * 360) / Math.PI - 90 }; }
  getZoom() { return this.zoom; }
  getCanvas() { return this.box; }
  getCanvasContainer() { return this.box; }
  loaded() { return true; }
  on(name, act) { (this.heard[name] ??= []).push(act); }
  once(name, act) { requestAnimationFrame(() => act()); }
  emit(name, event) { if (name === "moveend") this.draw(); for (const act of this.heard[name] ?? []) act(event); }
  addLayer() {}
  addSource(_, { data }) {
    this.origin = { x: this.x, y: this.y };
    this.paths = { far: new Path2D(), near: new Path2D(), land: new Path2D(), window: new Path2D(), detail: new Path2D(), shore: new Path2D() };
    const line = (path, points, closed) => {
      points.forEach(([lon, lat], i) => path[i ? "lineTo" : "moveTo"](across(lon) - this.origin.x, down(Math.max(-85.05, Math.min(85.05, lat))) - this.origin.y));
      if (closed) path.closePath();
    };
    for (const { geometry: { type, coordinates }, properties } of data.features) {
      const path = this.paths[properties.part];
      if (!path) continue;
      const solid = type.endsWith("Polygon"), parts = type.startsWith("Multi") ? coordinates : [coordinates];
      for (const part of parts) for (const ring of solid ? part : [part]) line(path, ring, solid);
    }
    this.render();
  }
}
