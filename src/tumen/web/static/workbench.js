// What pages do by themselves: notice a new answer, draw charts from their JSON twin, show a turned knob.
"use strict";

const body = document.body;

// Words of the page's language, as the server gives them; English stands in the scripts.
const KNOWN = JSON.parse(body.dataset.words ?? "{}");
window.tumenSay = (words, places = {}) => Object.entries(places).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), KNOWN[words] ?? words);
const inWords = window.tumenSay;
let version = Number(body.dataset.version);

// The server tells of a new answer, and of what it is computing. A hidden tab does not listen: a browser opens few
// connections to one host, and somebody with ten tabs open would have none left to load a page with.
let stream = null;
function listen() {
  if (document.hidden) { stream?.close(); stream = null; return; }
  if (stream || !body.dataset.version) return;
  stream = new EventSource("/events");
  stream.onmessage = (event) => {
    const told = JSON.parse(event.data);
    if (told.version === version) { busy(told.busy); return; }
    const first = version === 0;  // the page came before there was an answer: it is drawn whole now
    version = told.version;
    if (first) location.reload(); else refresh();
  };
}
document.addEventListener("visibilitychange", listen);
window.addEventListener("pagehide", () => { stream?.close(); stream = null; });
window.addEventListener("pageshow", listen);

function busy(step) {
  const state = document.querySelector("#state");
  let note = state?.querySelector(".busy");
  if (!step) { note?.remove(); return; }
  if (!note && state) { note = document.createElement("p"); note.className = "note busy"; state.append(note); }
  if (note) note.textContent = `${inWords("Computing:")} ${step}`;
}

// A new answer replaces the main part of the page, unless that would take something out of someone's hands.
async function refresh() {
  const main = document.querySelector("main"), active = document.activeElement;
  const typing = active?.matches("input, textarea, select") && main?.contains(active);
  if (typing || document.querySelector("#map, #viewer, #answer section, #turned section, form.stack[method=post], .talk[open]")) {
    document.querySelector("#state").innerHTML = `<p class="note">${inWords("A new answer is ready.")} <a href="">${inWords("Show it")}</a></p>`;
    return;
  }
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const opened = [...main.querySelectorAll("details[open] > summary")].map((s) => s.textContent.trim());
  main.replaceWith(fresh.querySelector("main"));
  for (const summary of document.querySelectorAll("main details > summary")) if (opened.includes(summary.textContent.trim())) summary.parentElement.open = true;
  window.htmx?.process(document.querySelector("main"));
  dress();
}

// Long tables: a filter, sorting by any column, a height that leaves the page in sight. A sentence below a row goes with it.
function tables() {
  for (const table of document.querySelectorAll(".scroll > table:not(.matrix, .judged, .dressed)")) {
    const body = table.tBodies[0], records = [];
    if (!body || table.tBodies.length > 1) continue;
    for (const row of body.rows) if (row.classList.contains("says")) records.at(-1)?.push(row); else records.push([row]);
    if (records.length < 8) continue;
    table.classList.add("dressed");
    const scroll = table.parentElement;
    for (const [at, head] of [...table.tHead?.rows[0]?.cells ?? []].entries()) {
      if (!head.textContent.trim() || head.querySelector(".hidden")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = records.map((record) => [worth(record[0].cells[at]), record]);
        keyed.sort(([a], [b]) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))) * (down ? -1 : 1));
        body.append(...keyed.flatMap(([, record]) => record));
      });
    }
    if (records.length < 15) continue;
    scroll.classList.add("long");
    const label = document.createElement("label"), input = document.createElement("input"), count = document.createElement("small");
    label.className = "filter";
    input.type = "search";
    input.placeholder = inWords("Filter {n} rows", { n: records.length });
    input.setAttribute("aria-label", `Filter ${scroll.getAttribute("aria-label") ?? "the table"}`);
    count.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const record of records) {
        const text = record.map((row) => row.textContent).join(" ").toLowerCase(), fits = words.every((w) => text.includes(w));
        for (const row of record) row.hidden = !fits;
        shown += fits;
      }
      count.textContent = words.length ? `${shown} of ${records.length}` : "";
    });
    label.append(input, count);
    scroll.before(label);
  }
}

function worth(cell) {
  const text = (cell?.querySelector("b") ?? cell)?.textContent.trim() ?? "";
  const found = text.replaceAll(",", "").match(/^[-+$]*\$?([-+]?[0-9.]+)\s*(bn|m\b|%|points)?/);
  if (!found || /^\d{4}-\d{2}/.test(text)) return text;
  return Number(found[1]) * (text.startsWith("-") && !found[1].startsWith("-") ? -1 : 1) * ({ bn: 1e9, m: 1e6 }[found[2]] ?? 1);
}

function dress() {
  tables();
  counts();
  charts();
}

// How many have commented where: one request for the whole page.
async function counts() {
  if (body.dataset.shared !== "1" || !document.querySelector("[data-count]")) return;
  const told = await (await fetch("/comments/counts.json")).json();
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = told[place.dataset.count] ? `(${told[place.dataset.count]})` : "";
}

// Okabe and Ito's palette, darkened to hold against white; no more lines than colours in one chart. Each line has a
// pattern of its own too: some of these colours are one to eyes that do not tell red from green.
const COLOURS = ["#0a4f8c", "#a34400", "#0b6b50", "#7a3b73", "#6b5b00", "#4d5966", "#b0235f"];
const DASHES = [[], [9, 4], [2, 3], [12, 3, 2, 3], [5, 2], [14, 4], [2, 2, 7, 2]];
const FONT = '12px "Inter","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif';
const own = (row) => (document.documentElement.lang === "ko" && row.label_ko) || row.label;
const seconds = (day) => Date.parse(day) / 1000;

// Columns of one group each: median, low, high over the days of all rows.
function lines(rows, x, group, value, low, high) {
  const names = [...new Set(rows.map(group))];
  const days = [...new Set(rows.map(x))].sort();
  const at = new Map(days.map((d, i) => [d, i]));
  const parts = [value, low, high].filter(Boolean);
  const series = names.map((name) => {
    const columns = parts.map(() => new Array(days.length).fill(null));
    for (const row of rows) if (group(row) === name) parts.forEach((f, i) => { columns[i][at.get(x(row))] = f(row); });
    return columns;
  });
  return { names, days: days.map(seconds), series };
}

const percent = (v) => `${Math.round(v * 100)}\u202f%`;
const plain = (v) => (Math.abs(v) >= 100 ? Math.round(v).toLocaleString("en") : `${Number(v.toPrecision(3))}`);

// The legend's box in the pattern of its line, as far as borders know patterns.
const bordered = (u, i) => { const [first] = u.series[i].dash ?? []; return first === undefined ? "solid" : first < 4 ? "dotted" : "dashed"; };

// Each chart: its lines, what its axis says, how a value reads.
const DRAW = {
  visits(data) {
    const rows = data.months.filter((m) => m.seen && m.unseen);
    return { ...lines(rows, (r) => r.month, (r) => r.place, (r) => r.seen.median + r.unseen.median, (r) => r.seen.median + r.unseen.low90, (r) => r.seen.median + r.unseen.high90), label: inWords("visits a month, seen and unseen"), month: true };
  },
  owed: (data) => ({ ...lines(data.balance, (r) => r.month, (r) => own(r), (r) => r.owed_median / 1e9, (r) => r.owed_low90 / 1e9, (r) => r.owed_high90 / 1e9), label: inWords("owed, USD bn"), month: true, tall: 240 }),
  balance: (data) => ({ ...lines(data.balance, (r) => r.month, (r) => own(r), (r) => r.owed_median / 1e9, (r) => r.owed_low90 / 1e9, (r) => r.owed_high90 / 1e9), label: inWords("owed, USD bn"), month: true }),
  front: (data) => ({ ...lines(data.front.filter((r) => ["with", "without"].includes(r.scenario)), (r) => r.week, (r) => inWords(r.scenario === "with" ? "{side}, with the shipments" : "{side}, without the shipments", { side: inWords({ RUS: "Russia", UKR: "Ukraine" }[r.side] ?? r.side) }), (r) => r.fired_median, (r) => r.fired_low90, (r) => r.fired_high90), label: inWords("rounds fired a day") }),
  trade: (data, name) => ({ ...lines(data.trades.filter((r) => r.trade === name), (r) => r.date, (r) => r.label, (r) => r.probability, (r) => r.low90, (r) => r.high90), read: percent, small: true }),
};

const told = new Map();
const fetched = (source) => {
  if (!told.has(source)) told.set(source, fetch(source).then((answer) => answer.json()));
  return told.get(source);
};

async function charts() {
  if (window.tumenViews) await window.tumenViews();
  if (!window.uPlot) return;
  told.clear();
  await Promise.all([...document.querySelectorAll("[data-chart]:empty")].map(chart));
}

async function chart(place) {
  const made = DRAW[place.dataset.chart](await fetched(place.dataset.source), place.dataset.name);
  if (!made.days.length) { place.classList.add("none"); place.textContent = inWords("Nothing to draw as of this day."); return; }
  const read = made.read ?? plain, height = made.small ? 130 : made.tall ?? 320;
  const series = [{ value: (u, v) => (v === null ? "" : new Date(v * 1000).toISOString().slice(0, made.month ? 7 : 10)) }], bands = [], columns = [made.days];
  made.names.forEach((name, i) => {
    const colour = COLOURS[i % COLOURS.length], first = series.length, [middle, low, high] = made.series[i];
    const value = (u, v, at, index) => (index === null || index === undefined || middle[index] === null ? "" : low ? `${read(middle[index])} (${read(low[index])}–${read(high[index])})` : read(middle[index]));
    columns.push(middle);
    series.push({ label: name, stroke: colour, width: 2, dash: DASHES[i % DASHES.length], spanGaps: true, points: { show: false }, value });
    if (!low) return;
    columns.push(low, high);
    for (const edge of [0, 1]) series.push({ label: `${name} ${edge}`, class: "edge", stroke: "transparent", width: 0, spanGaps: true, points: { show: false } });
    bands.push({ series: [first + 2, first + 1], fill: `${colour}26` });
  });
  const axis = { font: FONT, stroke: "#39434d", grid: { stroke: "#e3e8ec", width: 1 }, ticks: { stroke: "#c8d0d7", width: 1 } };
  const upright = { ...axis, values: (u, all) => all.map(read), size: (u, all) => 14 + 7 * Math.max(2, ...(all ?? []).map((v) => v.length)) };
  const plot = new uPlot({
    width: place.clientWidth, height, series, bands,
    scales: made.small ? { y: { range: [0, 1] } } : { y: { range: (u, low, high) => [Math.min(0, low), high * 1.05 || 1] } },
    axes: [{ ...axis, space: 60 }, made.small ? { ...upright, splits: () => [0, 0.5, 1] } : upright],
    legend: { show: !made.small && made.names.length > 1, live: true, markers: { width: 3, dash: bordered } }, cursor: { drag: { x: true, y: false } },
  }, columns, place);
  if (made.label) { const title = document.createElement("p"); title.className = "unit"; title.textContent = inWords("{what}; the band is the 90 % interval", { what: made.label }); place.prepend(title); }
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height })).observe(place);
  place.dataset.ready = "1";
}

document.addEventListener("input", (event) => {
  const input = event.target;
  if (!input.matches(".knobs input[type=range]")) return;
  const output = input.parentElement.querySelector("output");
  output.value = Number(input.value).toPrecision(3);
  output.classList.toggle("moved", input.value !== input.dataset.present);
  turning();
});

// How many priors are turned; the answer stands above the sliders and is shown when it is asked for.
function turning() {
  const moved = document.querySelectorAll(".knobs output.moved").length, told = document.querySelector("#turning [role=status]");
  if (told) told.textContent = moved ? `${moved} turned` : "";
}
document.addEventListener("reset", (event) => {
  if (event.target.id !== "priors") return;
  setTimeout(() => {
    for (const input of event.target.querySelectorAll("input[type=range]")) {
      const output = input.parentElement.querySelector("output");
      output.value = Number(input.dataset.present).toPrecision(3);
      output.classList.remove("moved");
    }
    turning();
  });
});
document.addEventListener("submit", (event) => { if (event.target.id === "priors") document.querySelector("#turned").scrollIntoView({ block: "start" }); });

// Comments are fetched when their place is opened for the first time.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".talk") && event.target.open) event.target.querySelector("div").dispatchEvent(new Event("opened"));
}, true);

const menu = document.querySelector("#menu");
menu?.addEventListener("click", () => {
  const open = document.querySelector("#pages").classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
});

// What is written is shown first; charts and sorting come after the first paint.
window.addEventListener("load", () => requestAnimationFrame(() => setTimeout(dress)));
listen();
