"use strict";
// What a page without script lacks: details of a point or a bar under the pointer or the focus, arrow keys, and the choice of a
// trial. Text from outside only ever becomes the text of a node.
(() => {
  const tip = document.getElementById("tip");

  const node = (name, text, ...children) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    made.append(...children);
    return made;
  };

  // What the details are about; null while none are seen.
  let about = null;
  // Below what it is about, or above where there is no room; never beyond the window.
  const put = () => {
    const box = about.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(box.left + box.width / 2 - width / 2, innerWidth - width - 8);
    const below = box.bottom + 12 + height <= innerHeight;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(below ? box.bottom + 12 : box.top - height - 12, 4)}px`;
  };
  const show = (content, element) => {
    about = element;
    tip.replaceChildren(...content);
    tip.hidden = false;
    put();
  };
  const hide = () => {
    about = null;
    tip.hidden = true;
  };
  // The pointer takes away what it showed, not what the focus did.
  const release = () => { if (!about?.contains(document.activeElement)) hide(); };
  // The focus scrolls what it goes to into view, so that scrolling must not take the details away.
  const follow = () => {
    if (!about) return;
    const box = about.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) hide();
    else put();
  };

  const ms = (value) => `${value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(1) : value.toFixed(0)} ms`;
  const signed = (value) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(3)} s`;

  // The rows are described where they are made: src/html/points.rs.
  const details = (data, row) => {
    const word = (number) => (number === null ? null : data.words[number]);
    const [id, planned, started, connected, sent, firstByte, end, out, back, status, arm, request, outcome, stage, error, pod, cause, incident, judged] = row;
    const times = node("dl", null);
    const time = (name, value) => value === null || times.append(node("dt", name), node("dd", value));
    time("planned", signed(planned));
    for (const [name, value] of [["started", started], ["connected", connected], ["sent", sent], ["first byte", firstByte], ["end", end]]) {
      time(name, value === null ? null : `+ ${ms(value)}`);
    }
    const facts = [word(outcome), word(stage), word(error), status === null ? null : `status ${status}`];
    if (out !== null && back !== null) facts.push(`${out} bytes out, ${back} back`);
    const lines = [
      node("b", `${word(cause)}${incident === null ? "" : `, incident ${incident}`}`),
      node("div", `${word(request)} on arm ${word(arm)}${judged ? "" : " (not judged)"}, attempt ${id}`),
      node("div", facts.filter((fact) => fact !== null).join(", ")),
    ];
    if (pod !== null) lines.push(node("div", `pod ${word(pod)}`));
    lines.push(times);
    const evidence = incident === null ? null : document.querySelector(`#incident-${incident} .evidence`);
    if (evidence) lines.push(node("div", "evidence of the incident:"), evidence.cloneNode(true));
    return lines;
  };

  // One stop of the Tab key for a group; the arrow keys move inside it.
  const roving = (figure, items, visible) => {
    items.forEach((item, at) => item.setAttribute("tabindex", at === 0 ? "0" : "-1"));
    figure.addEventListener("focusin", (event) => {
      const now = items.find((item) => item.contains(event.target));
      if (now) for (const item of items) item.setAttribute("tabindex", item === now ? "0" : "-1");
    });
    figure.addEventListener("keydown", (event) => {
      if (!items.includes(document.activeElement)) return;
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const ends = { Home: 0, End: items.length - 1 }[event.key];
      if (step === undefined && ends === undefined) return;
      event.preventDefault();
      const towards = step ?? (ends === 0 ? 1 : -1);
      let at = ends ?? items.indexOf(document.activeElement) + step;
      while (items[at] && !visible(items[at])) at += towards;
      items[at]?.focus();
    });
    return () => {
      // What is hidden cannot be reached: the first that is seen takes its place.
      const stop = items.find((item) => item.getAttribute("tabindex") === "0");
      if (stop && visible(stop)) return;
      stop?.setAttribute("tabindex", "-1");
      items.find(visible)?.setAttribute("tabindex", "0");
    };
  };

  const seen = (item) => item.getClientRects().length > 0;
  const refresh = [];

  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg");
    const points = [...svg.querySelectorAll(".points a")];
    let data = null;
    const tell = (point) => {
      data ??= JSON.parse(figure.querySelector("script").textContent);
      const lines = details(data, data.points[points.indexOf(point)]);
      point.setAttribute("aria-label", lines.slice(0, 4).map((line) => line.textContent).join("; "));
      show(lines, point);
    };
    let at = null;
    const leave = () => { at?.classList.remove("at"); at = null; };
    // Points are small: the nearest within a few units is meant.
    const nearest = (event) => {
      const scale = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
      const box = svg.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      let [best, distance] = [null, 12 ** 2];
      for (const point of points) {
        const mark = point.firstElementChild;
        const away = (mark.getAttribute("x") - x) ** 2 + (mark.getAttribute("y") - y) ** 2;
        if (away < distance && seen(point)) [best, distance] = [point, away];
      }
      return best;
    };
    svg.addEventListener("pointermove", (event) => {
      const found = nearest(event);
      if (found && found === at) return;
      leave();
      const bar = event.target.closest("[data-tip]");
      if (found) {
        at = found;
        at.classList.add("at");
        tell(at);
      } else if (bar) {
        show([node("div", bar.dataset.tip)], bar);
      } else {
        release();
      }
    });
    svg.addEventListener("pointerleave", () => { leave(); release(); });
    svg.addEventListener("click", (event) => {
      if (!event.target.closest("a")) nearest(event)?.dispatchEvent(new MouseEvent("click"));
    });
    refresh.push(roving(figure, points, seen));

    // A title that shows by itself would stand in the way of the details.
    const bars = [...svg.querySelectorAll(".state, .signal, .grace")];
    for (const bar of bars) {
      const title = bar.querySelector("title");
      bar.dataset.tip = title.textContent;
      bar.setAttribute("role", "img");
      bar.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    roving(figure, bars, seen);

    // On the figure, because an element of a drawing that listens for the focus takes it itself.
    figure.addEventListener("focusin", (event) => {
      const point = event.target.closest(".points a");
      const bar = event.target.closest("[data-tip]");
      if (point) tell(point);
      else if (bar) show([node("div", bar.dataset.tip)], bar);
    });
    figure.addEventListener("focusout", hide);
  }

  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("scroll", follow, { passive: true, capture: true });
  document.addEventListener("change", () => refresh.forEach((again) => again()));

  const choose = (trial) => {
    const chosen = document.getElementById(`trial-${trial}`);
    for (const figure of chosen.parentElement.querySelectorAll("figure")) figure.hidden = figure !== chosen;
    const select = chosen.parentElement.querySelector("select");
    if (select) select.value = String(trial);
  };
  for (const select of document.querySelectorAll(".choice select")) {
    select.parentElement.hidden = false;
    select.addEventListener("change", () => choose(select.value));
  }
  // A link to a trial that is not seen makes it seen; Enter and a click on a point move the focus to the incident.
  const arrive = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    const trial = /^trial-(\d+)$/.exec(target.id);
    if (trial) choose(trial[1]);
    target.scrollIntoView();
    target.focus({ preventScroll: true });
    hide();
  };
  addEventListener("hashchange", arrive);
  arrive();

  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
})();
