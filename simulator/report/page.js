"use strict";
// The page says everything without this: it adds other moments to the map, values under the
// pointer, and a closer look at a part of the run.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const WIDTH = 1000, LIT = 4, NO_POWER = 0, REGISTERED = 2, HELD_UP = 3;
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
                 43200, 86400, 172800, 604800, 1209600, 2592000, 5184000];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                  "Dec"];
  const $ = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  document.body.classList.remove("plain");

  const two = (number) => String(number).padStart(2, "0");
  const offset = (second) => data.offsets.reduce(
    (found, [from, seconds]) => (from <= second ? seconds : found), 0);
  const local = (second) => new Date((data.start + second + offset(second)) * 1000);
  const date = (at) => at.getUTCDate() + " " + MONTHS[at.getUTCMonth()];
  const time = (at, step) => two(at.getUTCHours()) + ":" + two(at.getUTCMinutes())
    + (step < 60 ? ":" + two(at.getUTCSeconds()) : "");
  const clock = (second) => {
    const at = local(second);
    return (data.days ? date(at) + " " : "") + time(at, 1);
  };

  // The map.
  const shapes = all("#nodes > g");
  const slider = $("map-slider");
  const stateAt = (number, second) => {
    const history = data.nodes[number], held = data.held[number];
    let state = NO_POWER;
    for (let at = 0; at < history.length && history[at] <= second; at += 2) {
      state = history[at + 1];
    }
    if ((state & ~LIT) === REGISTERED) {
      for (let at = 0; at < held.length; at += 2) {
        if (held[at] <= second && second <= held[at + 1]) return HELD_UP + (state & LIT);
      }
    }
    return state;
  };
  const showMap = (second) => {
    if (!data.nodes.length) return;
    shapes.forEach((shape) => {
      const state = stateAt(Number(shape.dataset.n), second);
      shape.setAttribute("class", "s" + (state & ~LIT) + (state & LIT ? " lit" : ""));
    });
    slider.value = second;
    $("map-time").textContent = clock(second);
    $("map-why").textContent = "";
  };
  if (data.nodes.length) {
    slider.addEventListener("input", () => showMap(Number(slider.value)));
  } else {
    slider.parentElement.hidden = true;
  }
  all(".story li[data-us]").forEach((line) => {
    line.addEventListener("click", () => {
      const second = Math.floor(line.dataset.us / 1e6);
      showMap(second);
      point(second);
    });
  });

  // The plots.
  const pictures = all(".plots svg.data");
  const frame = $("plots"), cursor = $("cursor"), axis = $("axis");
  const rows = all(".plots .row:not(.lane)").filter((row) => row.querySelector("svg"));
  let from = 0, to = data.end;

  const figure = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3))));
  const spoken = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "s") {
      if (value < 120) return figure(value) + " s";
      return value < 7200 ? figure(value / 60) + " min" : figure(value / 3600) + " h";
    }
    if (unit === "bytes") return figure(value / 1e6) + " MB";
    return figure(value) + (unit === "%" ? " %" : "");
  };
  const xOf = (second) => axis.offsetLeft + (second - from) / (to - from) * axis.offsetWidth;
  const secondAt = (event) => {
    const box = axis.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    return from + share * (to - from);
  };
  const point = (second) => {
    cursor.className = "cursor";
    cursor.style.display = second < from || second > to ? "none" : "block";
    cursor.style.left = xOf(second) + "px";
    cursor.style.width = "";
    $("now").textContent = clock(Math.floor(second));
    const bucket = Math.floor(second / data.bucket);
    rows.forEach((row, number) => {
      const plot = data.plots[number];
      row.querySelectorAll(".now").forEach((output, line) => {
        output.textContent = spoken(plot.lines[line][bucket], plot.unit);
      });
    });
  };
  const marks = () => {
    const step = STEPS.find((each) => (to - from) / each <= 9) || STEPS[STEPS.length - 1];
    const shift = (data.start + offset(from)) % step;
    const found = [];
    for (let at = Math.ceil((from + shift) / step) * step - shift; at <= to; at += step) {
      found.push(at);
    }
    return [step, found];
  };
  const zoom = (begin, end) => {
    const least = Math.min(data.end, Math.max(10, data.bucket));
    const length = Math.min(data.end, Math.max(least, end - begin));
    from = Math.max(0, Math.min(begin, data.end - length));
    to = from + length;
    const [step, found] = marks();
    axis.replaceChildren(...found.map((mark) => {
      const label = document.createElement("span");
      const at = local(mark);
      const isDay = step >= 86400
        || data.days && at.getUTCHours() + at.getUTCMinutes() + at.getUTCSeconds() === 0;
      label.textContent = isDay ? date(at) : time(at, step);
      label.style.left = (mark - from) / (to - from) * 100 + "%";
      return label;
    }));
    pictures.forEach((picture) => {
      const height = picture.viewBox.baseVal.height;
      picture.setAttribute("viewBox", [from / data.end * WIDTH, 0,
                                       (to - from) / data.end * WIDTH, height].join(" "));
      const lines = found.map((mark) => {
        const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const x = mark / data.end * WIDTH;
        for (const [name, value] of [["x1", x], ["x2", x], ["y1", 0], ["y2", height]]) {
          line.setAttribute(name, value);
        }
        return line;
      });
      picture.querySelector(".grid").replaceChildren(...lines);
    });
    cursor.style.display = "none";
  };

  let dragged = null;
  const isInside = (event) => event.target.closest(".plot, .axis");
  frame.addEventListener("pointermove", (event) => {
    if (dragged !== null) {
      const second = secondAt(event);
      const begin = Math.min(dragged, second), end = Math.max(dragged, second);
      cursor.className = "cursor wide";
      cursor.style.display = "block";
      cursor.style.left = xOf(begin) + "px";
      cursor.style.width = xOf(end) - xOf(begin) + "px";
    } else if (isInside(event)) {
      point(secondAt(event));
    }
  });
  frame.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && isInside(event) && event.pointerType === "mouse") {
      dragged = secondAt(event);
      event.preventDefault();
    }
  });
  window.addEventListener("pointerup", (event) => {
    if (dragged === null) return;
    const second = secondAt(event);
    const begin = Math.min(dragged, second), end = Math.max(dragged, second);
    dragged = null;
    if (xOf(end) - xOf(begin) > 8) {
      zoom(begin, end);
    } else {
      showMap(Math.floor(second));
      point(second);
    }
  });
  frame.addEventListener("dblclick", () => zoom(0, data.end));
  const moves = {
    back: (length) => [from - length / 2, to - length / 2],
    forward: (length) => [from + length / 2, to + length / 2],
    in: (length) => [from + length / 4, to - length / 4],
    out: (length) => [from - length / 2, to + length / 2],
    all: () => [0, data.end],
  };
  all("button[data-zoom]").forEach((button) => {
    button.addEventListener("click", () => zoom(...moves[button.dataset.zoom](to - from)));
  });
})();
