"use strict";
for (const label of document.querySelectorAll(".sift")) {
  const folded = label.nextElementSibling.nextElementSibling, rest = folded?.localName === "details" ? folded : {};
  const parts = [label.nextElementSibling, ...(rest === folded ? [folded] : [])], ofAll = label.classList.contains("all");
  const rows = parts.flatMap((part) => [...part.querySelectorAll("tbody tr")]);
  const search = label.querySelector("input"), told = label.querySelector(".found");
  search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase();
    const left = rows.filter((row) => {
      const name = ofAll ? row : (row.querySelector("bdi") ?? row.cells[0]);
      row.hidden = !(name.title || name.textContent).toLowerCase().includes(wanted);
      return !row.hidden;
    });
    rest.open = wanted !== "";
    told.textContent = wanted ? `${left.length} of ${rows.length}` : "";
  });
  label.hidden = false;
}
(async () => {
  const island = document.querySelector(".map-data");
  if (!island || typeof DecompressionStream === "undefined") return;
  const data = JSON.parse(island.textContent);
  const root = document.querySelector(".map");
  const unpacked = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  };
  const packed = ["distances", "statuses", "cells", "shares", "numbers", "baseline"];
  const found = Object.fromEntries(await Promise.all(packed.map(async (name) => [name, await unpacked(data[name])])));
  const [distances, statuses, cells, shares, baseline] = ["distances", "statuses", "cells", "shares", "baseline"].map(
    (name) => new Uint8Array(found[name]));
  const numbers = new Float32Array(found.numbers);
  const columns = data.times.length, BINS = 22, VIOLATED = 0, UNSURE = 1, NO_RUN = 5, NO_VALUE = 255;
  const at = new Int32Array(cells.length).fill(-1);
  for (let place = 0, next = 0; place < cells.length; place++) if (cells[place]) at[place] = next++;

  const canvas = root.querySelector("canvas"), seen = canvas.getContext("2d");
  const map = document.createElement("canvas"), pen = map.getContext("2d"); // drawn once, so that a choice only marks a cell
  const [search, only] = root.querySelectorAll("input");
  const told = root.querySelector(".found"), detail = root.querySelector(".detail");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const AXIS = 18, SCROLLBAR = 20;
  let labels = 180;
  let shown = [], row = 0, column = columns - 1, high = 18, wide = 8;

  const colour = (place) => {
    const status = statuses[place], distance = distances[place] / 250;
    if (status === NO_RUN) return null;
    if (status === VIOLATED) {
      const light = distances[place] === NO_VALUE ? 55 : 66 - 34 * distance;
      return `hsl(${30 - 28 * Math.min(1, distance)} 78% ${dark.matches ? light + 8 : light}%)`;
    }
    if (status === UNSURE) return dark.matches ? "hsl(43 50% 34%)" : "hsl(43 72% 76%)";
    if (distances[place] === NO_VALUE) return "hatch";
    return dark.matches ? `hsl(212 32% ${18 + 26 * distance}%)` : `hsl(212 52% ${88 - 32 * distance}%)`;
  };

  const fitted = (name, room) => { // both ends of a name, in letters of one size
    const letters = [...name];
    let most = letters.length, text = name;
    while (most > 3 && pen.measureText(text).width > room) {
      most = Math.min(most - 1, 40);
      text = `${letters.slice(0, Math.ceil(most / 2)).join("")}…${letters.slice(letters.length - Math.floor(most / 2)).join("")}`;
    }
    return text;
  };

  const draw = () => {
    const lines = shown.length;
    high = lines <= 60 ? 18 : lines <= 200 ? 10 : 5;
    labels = root.clientWidth < 500 ? 120 : 180;
    wide = (root.clientWidth - labels - SCROLLBAR) / columns; // all windows without scrolling, however narrow
    if (wide > 1) wide = Math.floor(wide);
    const scale = window.devicePixelRatio || 1, width = labels + Math.ceil(wide * columns), height = Math.max(1, high * lines) + AXIS;
    canvas.width = map.width = width * scale; canvas.height = map.height = height * scale;
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const style = getComputedStyle(root.closest(".mm-report"));
    const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
    pen.font = "12px system-ui, sans-serif"; pen.textBaseline = "middle";
    const gap = wide > 3 && high > 8 ? 1 : 0;
    const days = new Set(data.times.map((time) => time.split(" ")[0]));
    const every = Math.ceil((days.size > 1 ? 110 : 48) / wide);
    pen.fillStyle = style.getPropertyValue("--muted");
    for (let window = 0; window < columns; window += every) {
      const time = days.size > 1 ? data.times[window] : data.times[window].split(" ").pop(), left = labels + window * wide;
      if (left + pen.measureText(time).width <= width) pen.fillText(time, left, AXIS / 2);
    }
    shown.forEach((of, place) => {
      const top = AXIS + place * high;
      if (high > 8) {
        pen.fillStyle = ink;
        pen.fillText(fitted(data.names[of], labels - 6), 2, top + high / 2);
      }
      const order = [...Array(columns).keys()]; // violated ones last, so that nothing covers them
      if (wide < 1) order.sort((one, other) => (statuses[of * columns + one] === VIOLATED) - (statuses[of * columns + other] === VIOLATED));
      for (const window of order) {
        const filled = colour(of * columns + window);
        if (!filled) continue;
        const left = labels + window * wide;
        if (filled === "hatch") {
          pen.strokeStyle = line;
          pen.save(); pen.beginPath(); pen.rect(left, top, wide - gap, high - gap); pen.clip(); pen.beginPath();
          for (let from = left - high; from < left + wide; from += 6) { pen.moveTo(from, top + high); pen.lineTo(from + high, top); }
          pen.stroke(); pen.restore();
        } else {
          pen.fillStyle = filled;
          pen.fillRect(left, top, Math.max(wide - gap, 1), high - gap);
        }
        if (statuses[of * columns + window] === VIOLATED && wide > 11 && high > 11) {
          pen.fillStyle = "#fff";
          pen.fillText("✗", left + wide / 2 - 4, top + high / 2);
        }
      }
    });
    mark();
  };

  const mark = () => {
    seen.setTransform(1, 0, 0, 1, 0, 0);
    seen.clearRect(0, 0, canvas.width, canvas.height);
    seen.drawImage(map, 0, 0);
    const chosen = shown.indexOf(row), scale = window.devicePixelRatio || 1;
    if (chosen < 0) return;
    seen.setTransform(scale, 0, 0, scale, 0, 0);
    seen.strokeStyle = getComputedStyle(root.closest(".mm-report")).getPropertyValue("--ink");
    seen.lineWidth = 2;
    seen.strokeRect(labels + column * wide, AXIS + chosen * high, Math.max(wide, 3), high);
  };

  const made = (name, text) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const drawing = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const steps = (values, top) => values.reduce((path, value, place) => `${path}V${(100 - (95 * value) / top).toFixed(1)}H${(place + 1) * 10}`, "M0 100");
  const text = (value) => (Number.isNaN(value) ? "–" : Number(value.toPrecision(4)).toLocaleString("en"));

  // A word as a shell takes it, since people copy the command and senders choose the names of members
  const quote = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

  const show = () => {
    detail.replaceChildren();
    if (!shown.length) return;
    const place = row * columns + column, status = statuses[place];
    const verdict = ["✗ violated", "? may have changed", "✓ passed", "– not judged", "– no check", "no run"][status];
    const title = made("h3");
    title.append(made("bdi", data.names[row]), `, window ${data.times[column]}: ${verdict}`);
    detail.append(title);
    if (status === NO_RUN) return;
    const distance = distances[place];
    const facts = [`distance ${distance === NO_VALUE ? "–" : (distance / 250).toFixed(2)}`];
    const cell = at[place];
    if (cell >= 0) {
      const [mean, median, missing] = numbers.subarray(3 * cell, 3 * cell + 3);
      if (!Number.isNaN(mean)) facts.push(`mean ${text(mean)}`);
      if (!Number.isNaN(median)) facts.push(`median ${text(median)}`);
      if (!Number.isNaN(missing)) facts.push(`missing ${(100 * missing).toFixed(1)} %`);
      const now = [...shares.subarray(cell * BINS, (cell + 1) * BINS)];
      const before = [...baseline.subarray(row * BINS, (row + 1) * BINS)];
      const top = Math.max(...now, ...before, 1);
      const picture = drawing("svg", {viewBox: "0 0 220 104", preserveAspectRatio: "none", role: "img",
        "aria-label": "shares of values: bars are the baseline, the line is the window"});
      picture.append(drawing("path", {class: "b", d: `${steps(before, top)}V100z`}), drawing("path", {class: "n", d: steps(now, top)}));
      detail.append(picture);
      if (data.bins[row].length) facts.push(`bins from ${data.bins[row][0]} to ${data.bins[row][1]}`);
    }
    const folder = quote(data.folders[column].replace(/^…\//, ""));
    detail.append(made("p", facts.join(" · ")), made("p", `in the folder that has ${folder}:`));
    detail.append(made("code", `spark-model-monitor explain ${quote(data.names[row])} --run ${folder}`));
  };

  const choose = (of, window) => {
    row = of; column = Math.min(Math.max(window, 0), columns - 1);
    mark(); show();
  };
  const sift = () => {
    const wanted = search.value.toLowerCase();
    shown = data.names.map((_, place) => place).filter((place) =>
      data.names[place].toLowerCase().includes(wanted) &&
      (!only.checked || statuses.subarray(place * columns, (place + 1) * columns).includes(VIOLATED)));
    told.textContent = `${shown.length} of ${data.names.length} features`;
    if (!shown.includes(row)) row = shown[0] ?? 0;
    draw(); show();
  };
  search.addEventListener("input", sift);
  only.addEventListener("change", sift);
  canvas.addEventListener("click", (event) => {
    const of = shown[Math.floor((event.offsetY - AXIS) / high)];
    if (of !== undefined) choose(of, Math.floor((event.offsetX - labels) / wide));
  });
  canvas.addEventListener("keydown", (event) => {
    const place = shown.indexOf(row);
    const moves = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -columns], End: [0, columns]};
    const move = moves[event.key];
    if (!move || !shown.length) return;
    event.preventDefault();
    choose(shown[Math.min(Math.max(place + move[0], 0), shown.length - 1)], column + move[1]);
  });
  addEventListener("resize", draw);
  dark.addEventListener("change", draw);
  root.hidden = false;
  document.querySelector(".map-off").hidden = true;
  sift();
})();
