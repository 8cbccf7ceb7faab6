// What pages do by themselves: notice a new answer, draw charts from their JSON twin, show a turned knob.
"use strict";

const body = document.body;
let version = Number(body.dataset.version);

// A new answer replaces the main part of the page, unless someone is typing there.
async function watch() {
  for (;;) {
    try {
      const told = await (await fetch(`/changed.json?version=${version}`)).json();
      if (told.version !== version) {
        version = told.version;
        await refresh();
      }
    } catch {
      await new Promise((done) => setTimeout(done, 5000));
    }
  }
}

async function refresh() {
  const typing = document.activeElement?.matches("input, textarea, select") && document.querySelector("main")?.contains(document.activeElement);
  const text = await (await fetch(location.href, { headers: { accept: "text/html" } })).text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (typing || document.querySelector("#map")) {
    document.querySelector("#state").innerHTML = '<p class="note">A new answer is ready. <a href="">Show it</a></p>';
    return;
  }
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  window.htmx?.process(document.querySelector("main"));
  charts();
}

// Okabe and Ito's palette, darkened to hold against white; no more lines than colours in one chart.
const COLOURS = ["#0a4f8c", "#a34400", "#0b6b50", "#7a3b73", "#6b5b00", "#4d5966", "#b0235f"];
const FONT = '12px "Inter","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif';
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

// Each chart: its lines, what its axis says, how a value reads.
const DRAW = {
  visits(data) {
    const rows = data.months.filter((m) => m.seen && m.unseen);
    return { ...lines(rows, (r) => r.month, (r) => r.place, (r) => r.seen.median + r.unseen.median, (r) => r.seen.median + r.unseen.low90, (r) => r.seen.median + r.unseen.high90), label: "visits a month, seen and unseen", month: true };
  },
  balance: (data) => ({ ...lines(data.balance, (r) => r.month, (r) => r.label, (r) => r.owed_median / 1e9, (r) => r.owed_low90 / 1e9, (r) => r.owed_high90 / 1e9), label: "owed, USD bn", month: true }),
  front: (data) => ({ ...lines(data.front.filter((r) => ["with", "without"].includes(r.scenario)), (r) => r.week, (r) => `${r.side === "RUS" ? "Russia" : r.side === "UKR" ? "Ukraine" : r.side}, ${r.scenario} the shipments`, (r) => r.fired_median, (r) => r.fired_low90, (r) => r.fired_high90), label: "rounds fired a day" }),
  trade: (data, name) => ({ ...lines(data.trades.filter((r) => r.trade === name), (r) => r.date, (r) => r.label, (r) => r.probability, (r) => r.low90, (r) => r.high90), read: percent, small: true }),
};

const told = new Map();
const fetched = (source) => {
  if (!told.has(source)) told.set(source, fetch(source).then((answer) => answer.json()));
  return told.get(source);
};

async function charts() {
  if (!window.uPlot) return;
  told.clear();
  await Promise.all([...document.querySelectorAll("[data-chart]:empty")].map(chart));
}

async function chart(place) {
  const made = DRAW[place.dataset.chart](await fetched(place.dataset.source), place.dataset.name);
  if (!made.days.length) { place.classList.add("none"); place.textContent = "Nothing to draw as of this day."; return; }
  const read = made.read ?? plain, height = made.small ? 130 : 320;
  const series = [{ value: (u, v) => (v === null ? "" : new Date(v * 1000).toISOString().slice(0, made.month ? 7 : 10)) }], bands = [], columns = [made.days];
  made.names.forEach((name, i) => {
    const colour = COLOURS[i % COLOURS.length], first = series.length, [middle, low, high] = made.series[i];
    const value = (u, v, at, index) => (index === null || index === undefined || middle[index] === null ? "" : low ? `${read(middle[index])} (${read(low[index])} to ${read(high[index])})` : read(middle[index]));
    columns.push(middle);
    series.push({ label: name, stroke: colour, width: 2, spanGaps: true, points: { show: false }, value });
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
    legend: { show: !made.small, live: true }, cursor: { drag: { x: true, y: false } },
  }, columns, place);
  if (made.label) { const title = document.createElement("p"); title.className = "unit"; title.textContent = `${made.label}; the band is the 90\u202f% interval`; place.prepend(title); }
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height })).observe(place);
  place.dataset.ready = "1";
}

document.addEventListener("input", (event) => {
  const input = event.target;
  if (!input.matches(".knobs input[type=range]")) return;
  const output = input.parentElement.querySelector("output");
  output.value = Number(input.value).toPrecision(3);
  output.classList.toggle("moved", input.value !== input.dataset.present);
});

// Comments are fetched when their place is opened for the first time.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".talk") && event.target.open) event.target.querySelector("div").dispatchEvent(new Event("opened"));
}, true);

// On a phone the menu is one row: bring the present page into it.
const present = document.querySelector("nav [aria-current]");
if (present && getComputedStyle(present.parentElement).flexDirection === "row") present.parentElement.scrollLeft = present.offsetLeft - 40;

window.addEventListener("load", charts);
watch();
