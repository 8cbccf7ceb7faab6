// Two pictures drawn from the JSON twin of their page: the timeline of looks and visits, and the network of judgements.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const DAY = 864e5;
const korean = document.documentElement.lang === "ko";

function mark(name, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

const said = (words, places) => window.tumenSay?.(words, places) ?? words;
const titled = (words) => mark("title", {}, words);
const linked = (why, words, ...inside) => mark("a", { href: `/why/${encodeURIComponent(why)}`, "aria-label": words }, titled(words), ...inside);

// --- the timeline -----------------------------------------------------------------------

function timeline(place, data) {
  const zoom = document.querySelector("#zoom");
  const years = [...new Set([data.start, data.end, ...data.months.map((m) => m.month), ...data.events.map((e) => e.date)].map((d) => d.slice(0, 4)))].filter((y) => y >= data.start.slice(0, 4)).sort();
  if (zoom && zoom.options.length === 1) for (const year of years) zoom.append(new Option(year, year));
  const draw = () => place.replaceChildren(drawTimeline(place.clientWidth, data, zoom?.value ?? ""));
  if (zoom) zoom.onchange = draw;
  new ResizeObserver(draw).observe(place);
}

function drawTimeline(width, data, year) {
  const rows = [...new Set([...data.places, ...data.months.map((m) => m.place)])];
  const phone = width < 600, right = 14, left = phone ? 12 : Math.min(240, 24 + 7.6 * Math.max(16, ...rows.map((r) => r.length)));
  // What was published or happened after the period, up to the as-of day, is shown too.
  const end = data.events.reduce((late, e) => (e.date > late ? e.date : late), data.end);
  const first = Date.parse(year ? `${year}-01-01` : data.start), last = Date.parse(year ? `${year}-12-31` : end);
  const x = (day) => left + ((Date.parse(day) - first) / (last - first)) * (width - left - right);
  const inside = (day) => Date.parse(day) >= first && Date.parse(day) <= last;
  const svg = mark("svg", { width, role: "group", "aria-label": said("Looks and visits over time") });
  let y = 26;
  // Months and years.
  const axis = mark("g", { class: "axis" });
  svg.append(axis);
  const grid = [];
  for (let d = new Date(first); +d <= last; d = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 1))) {
    const at = x(d.toISOString().slice(0, 10)), start = d.getUTCMonth() === 0 || +d === first;
    grid.push([at, start]);
    if (start) axis.append(mark("text", { x: at + 3, y: 14, class: "year" }, String(d.getUTCFullYear())));
    else if (year || (!phone && d.getUTCMonth() % 3 === 0)) axis.append(mark("text", { x: at + 3, y: 14 }, d.toLocaleString(korean ? "ko" : "en", { month: "short", timeZone: "UTC" })));
  }
  const label = (words, at) => svg.append(mark("text", { x: phone ? left : left - 12, y: at, class: "row", "text-anchor": phone ? "start" : "end" }, words));
  const most = Math.max(1, ...data.months.map((m) => (m.seen?.median ?? 0) + (m.unseen?.high90 ?? 0)));
  for (const row of rows) {
    const months = data.months.filter((m) => m.place === row && inside(m.month.slice(0, 10))), looks = data.looks.filter((l) => l.place === row && inside(l.date));
    if (!months.length && !looks.length) continue;
    if (phone) y += 16;
    label(row, phone ? y : y + 10);
    if (phone) y += 6;
    for (const look of looks) {
      const words = `${look.date}, ${row}${look.berth ? `, ${look.berth}` : ""}: ${said({ ship: "ship", empty: "no ship", cloud: "clouded", other: "cannot tell" }[look.kind])}${look.vessel ? `, ${look.vessel}` : ""}${look.collector ? ` (${look.collector})` : ""}${look.note ? `. ${look.note}` : ""}`;
      svg.append(linked(look.why, words, mark("rect", { x: x(look.date) - 3, y, width: 7, height: 15, rx: 1.5, class: `look ${look.kind}` })));
    }
    y += 20;
    if (months.length) {
      const tall = 54, unit = tall / most, foot = y + tall;
      const wide = Math.max(3, (width - left - right) / ((last - first) / DAY / 30.4) - 3);
      for (const m of months) {
        const at = x(m.month.slice(0, 10)) + 1, seen = m.seen?.median ?? 0, unseen = m.unseen?.median ?? 0;
        const words = `${row}, ${m.month.slice(0, 7)}: ${said("{n} seen, {m} unseen (90 %: {a} to {b})", { n: seen, m: unseen, a: m.unseen?.low90 ?? 0, b: m.unseen?.high90 ?? 0 })}`;
        const middle = at + wide / 2;
        svg.append(linked(m.why, words,
          mark("rect", { x: at, y: y, width: wide, height: tall, fill: "transparent" }),
          mark("rect", { x: at, y: foot - seen * unit, width: wide, height: seen * unit, class: "bar1" }),
          mark("rect", { x: at, y: foot - (seen + unseen) * unit, width: wide, height: unseen * unit, class: "bar2" }),
          mark("line", { x1: middle, x2: middle, y1: foot - (seen + (m.unseen?.low90 ?? 0)) * unit, y2: foot - (seen + (m.unseen?.high90 ?? 0)) * unit, class: "whisker" })));
      }
      svg.append(mark("line", { x1: left, x2: width - right, y1: foot, y2: foot, class: "foot" }), mark("text", { x: width - right, y: y + 8, class: "scale", "text-anchor": "end" }, said("up to {n} a month", { n: Math.round(most) })));
      y = foot;
    }
    y += 16;
  }
  for (const [kind, words] of [["sighting", "Sightings"], ["claim", "Claims published"], ["indicator", "Indicators"]]) {
    const events = data.events.filter((e) => e.kind === kind && inside(e.date));
    if (!events.length) continue;
    if (phone) y += 14;
    label(said(words), phone ? y : y + 10);
    if (phone) y += 6;
    for (const event of events) {
      const tick = mark("rect", { x: x(event.date) - 2, y, width: 4, height: 14, class: `tick ${kind}` }), words = `${event.date}: ${korean ? event.text_ko ?? event.text : event.text}`;
      svg.append(event.why ? linked(event.why, words, tick) : mark("g", {}, titled(words), tick));
    }
    y += 24;
  }
  for (const [at, start] of grid) axis.append(mark("line", { x1: at, x2: at, y1: 18, y2: y, class: start ? "start" : "" }));
  svg.setAttribute("height", y + 6);
  svg.setAttribute("viewBox", `0 0 ${width} ${y + 6}`);
  return svg;
}

// --- the network ------------------------------------------------------------------------

function network(place, data) {
  const names = new Set(data.nodes.map((n) => n.name));
  const ways = data.nodes.filter((n) => n.kind === "way"), wholes = data.nodes.filter((n) => n.kind === "whole");
  const held = data.nodes.filter((n) => n.kind === "restraint" || n.kind === "balance");
  const origins = [...new Set(data.origins.filter((o) => names.has(o.to)).map((o) => o.from))];
  // Origins stand in the order of what they speak of, so that few lines cross.
  const order = new Map([...ways, ...held, ...wholes].map((n, i) => [n.name, i]));
  const mean = new Map(origins.map((name) => { const to = data.origins.filter((o) => o.from === name).map((o) => order.get(o.to) ?? 0); return [name, to.reduce((a, b) => a + b, 0) / to.length]; }));
  origins.sort((a, b) => mean.get(a) - mean.get(b));
  const width = 1020, box = 44, gap = 14, tall = Math.max(origins.length * 24, (ways.length + 1) * (box + gap), (held.length + wholes.length + 1) * (box + gap)) + 40;
  const svg = mark("svg", { width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "group", "aria-label": "Network of judgements" });
  const at = new Map(), lines = mark("g"), boxes = mark("g");
  const spread = (items, x, w, high, key) => items.forEach((item, i) => at.set(key(item), { x, w, y: 40 + ((i + 0.5) * (tall - 50)) / items.length, h: high, item }));
  spread(origins, 0, 150, 20, (o) => `origin:${o}`);
  spread(ways, 380, 230, box, (n) => n.name);
  spread([...held, ...wholes], 785, 232, box, (n) => n.name);
  for (const [x, words] of [[0, "Who reported"], [380, "Ways of repayment"], [785, "What holds back, raises, sums up"]]) svg.append(mark("text", { x, y: 18, class: "year" }, said(words)));
  const curve = (a, b, from, to, attributes, words) => {
    const right = a.x < b.x, x1 = right ? a.x + a.w : a.x, x2 = right ? b.x : b.x + b.w, bend = (x2 - x1) / 2;
    lines.append(mark("path", { d: `M${x1},${a.y} C${x1 + bend},${a.y} ${x2 - bend},${b.y} ${x2},${b.y}`, "data-from": from, "data-to": to, ...attributes }, titled(words)));
  };
  for (const o of data.origins) {
    const a = at.get(`origin:${o.from}`), b = at.get(o.to);
    if (a && b) curve(a, b, `origin:${o.from}`, o.to, { class: o.supports >= o.contradicts ? "for" : "against", "stroke-width": 1 + 1.3 * (o.supports + o.contradicts) }, `${o.from}: ${o.supports} for, ${o.contradicts} against`);
  }
  for (const l of data.links) {
    const a = at.get(l.from), b = at.get(l.to);
    if (a && b && a.x !== b.x) curve(a, b, l.from, l.to, { class: l.kind.replaceAll(" ", "-"), "stroke-width": 1.5 }, `${l.from} ${l.kind} ${l.to}`);
  }
  const show = (name) => { for (const line of lines.children) line.classList.toggle("dim", !!name && line.dataset.from !== name && line.dataset.to !== name); };
  for (const [name, { x, y, w, h, item }] of at) {
    const origin = name.startsWith("origin:"), words = origin ? item : korean ? item.label_ko ?? said(item.label) : item.label;
    const inside = [mark("rect", { x, y: y - h / 2, width: w, height: h, rx: 3, class: origin ? "origin" : item.kind })];
    if (!origin && item.probability !== null) inside.push(mark("rect", { x, y: y + h / 2 - 4, width: Math.max(1, w * item.probability), height: 4, class: "fill" }));
    inside.push(mark("text", { x: x + 8, y: origin ? y + 4 : item.probability === null ? y + 5 : y - 4 }, words.length > 32 ? `${words.slice(0, 31)}…` : words));
    if (!origin && item.probability !== null) inside.push(mark("text", { x: x + 8, y: y + 12, class: "small" }, `${Math.round(item.probability * 100)} %, ${korean ? item.word_ko ?? item.word : item.word}`));
    const made = origin ? mark("g", { tabindex: 0, role: "img", "aria-label": `${item}: ${data.origins.filter((o) => o.from === item).map((o) => `${o.supports + o.contradicts} on ${o.to}`).join(", ")}` }, ...inside) : mark("a", { href: `/why/${encodeURIComponent(item.why)}` }, titled(words), ...inside);
    made.addEventListener("pointerenter", () => show(name));
    made.addEventListener("pointerleave", () => show(null));
    made.addEventListener("focusin", () => show(name));
    made.addEventListener("focusout", () => show(null));
    boxes.append(made);
  }
  svg.append(lines, boxes);
  place.replaceChildren(svg);
}

window.tumenViews = async () => {
  for (const place of document.querySelectorAll("[data-view]")) {
    const data = await (await fetch(place.dataset.source)).json();
    ({ timeline, network })[place.dataset.view](place, data);
    place.dataset.ready = "1";
  }
};
