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

const COLOURS = ["#0a4f8c", "#a34400", "#0b6b50", "#7a3b73", "#6b5b00", "#4d5966", "#b0235f"];
const seconds = (day) => Date.parse(day) / 1000;

function lines(rows, x, group, value, low, high) {
  const names = [...new Set(rows.map(group))];
  const days = [...new Set(rows.map(x))].sort();
  const at = new Map(days.map((d, i) => [d, i]));
  const series = names.map((name) => {
    const columns = [value, low, high].filter(Boolean).map(() => new Array(days.length).fill(null));
    for (const row of rows) if (group(row) === name) [value, low, high].filter(Boolean).forEach((f, i) => { columns[i][at.get(x(row))] = f(row); });
    return columns;
  });
  return { names, days: days.map(seconds), series };
}

const DRAW = {
  visits(data) {
    const rows = data.months.filter((m) => m.seen && m.unseen);
    return { ...lines(rows, (r) => r.month, (r) => r.place, (r) => r.seen.median + r.unseen.median, (r) => r.seen.median + r.unseen.low90, (r) => r.seen.median + r.unseen.high90), label: "visits a month" };
  },
  balance: (data) => ({ ...lines(data.balance, (r) => r.month, (r) => r.basis.replaceAll("_", " "), (r) => r.owed_median / 1e9, (r) => r.owed_low90 / 1e9, (r) => r.owed_high90 / 1e9), label: "owed, USD bn" }),
  front: (data) => ({ ...lines(data.front.filter((r) => ["with", "without"].includes(r.scenario)), (r) => r.week, (r) => `${r.side} ${r.scenario}`, (r) => r.fired_median, (r) => r.fired_low90, (r) => r.fired_high90), label: "rounds a day" }),
  trades: (data) => ({ ...lines(data.trades, (r) => r.date, (r) => r.trade.replaceAll("_", " "), (r) => r.probability), label: "probability" }),
};

async function charts() {
  for (const place of document.querySelectorAll("[data-chart]:empty")) {
    const data = await (await fetch(place.dataset.source)).json();
    if (!window.uPlot) continue;
    const made = DRAW[place.dataset.chart](data);
    const series = [{}], bands = [], columns = [made.days];
    made.names.forEach((name, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const first = series.length;
      made.series[i].forEach((column, part) => {
        columns.push(column);
        series.push({ label: part ? `${name} ${part === 1 ? "5 %" : "95 %"}` : name, stroke: part ? "transparent" : colour, width: part ? 0 : 2, spanGaps: true, points: { show: false } });
      });
      if (made.series[i].length === 3) bands.push({ series: [first + 2, first + 1], fill: colour + "22" });
    });
    const narrow = place.clientWidth;
    const plot = new uPlot({ width: narrow, height: 320, series, bands, axes: [{}, { label: made.label, size: 70 }], legend: { live: true }, cursor: { drag: { x: true, y: false } } }, columns, place);
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 320 })).observe(place);
  }
}

document.addEventListener("input", (event) => {
  const input = event.target;
  if (!input.matches(".knobs input[type=range]")) return;
  const output = input.parentElement.querySelector("output");
  output.value = Number(input.value).toPrecision(3);
  output.classList.toggle("moved", input.value !== input.dataset.present);
});

window.addEventListener("load", charts);
watch();
