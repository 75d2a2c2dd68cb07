/* What happens in a page: times in the viewer's zone, rows and numbers that change in place, questions before harm. */
(() => {
  const body = document.body, language = document.documentElement.lang;

  /* Times: UTC stands in the page; the viewer's own zone is shown, UTC stays in the tooltip. */
  const today = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const other = new Intl.DateTimeFormat(language, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
  const localise = (within) => {
    for (const each of within.querySelectorAll("time[datetime]")) {
      const at = new Date(each.dateTime);
      each.textContent = (at.toDateString() === new Date().toDateString() ? today : other).format(at);
    }
  };

  /* Questions before harm, for forms that are sent without htmx. */
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  });
  document.addEventListener("htmx:afterSettle", (event) => localise(event.target));
  /* What the server refuses is shown where its answer would be. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400 && event.detail.xhr.status !== 401) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  localise(document);

  const fetched = async (address) => {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (answer.status === 401) location.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    if (!answer.ok) throw new Error(answer.status);
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    return made.content;
  };
  /* A part that somebody types in, or that shows what came of a command, is left alone. */
  const busy = (part) => part.contains(document.activeElement) && /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName);

  /* The wire log is asked for anew while it is not paused and its first page is shown. */
  const log = document.querySelector("[data-poll]");
  if (log && !new URLSearchParams(location.search).has("before")) {
    setInterval(async () => {
      if (log.dataset.paused === "true" || document.hidden || getSelection().toString()) return;
      try {
        const fresh = (await fetched(log.dataset.poll)).querySelector("[data-poll]");
        if (fresh) { localise(fresh); log.replaceChildren(...fresh.childNodes); }
      } catch { /* the next one may go through */ }
    }, 3000);
  }

  if (!body.dataset.live) return;

  /* What happens: a stream that the browser takes up again where it was, by itself. */
  const place = body.dataset.liveStation || "", lost = document.getElementById("lost");
  const parts = [...document.querySelectorAll("[data-live-part]")], rows = () => document.querySelector("[data-live-rows]");
  let seq = body.dataset.live, wanted = new Set(), due = false, timer = 0, stream = null, broken;

  const refresh = async () => {
    timer = 0;
    const table = rows(), ids = [...wanted].filter((id) => table && table.querySelector(`[data-station="${CSS.escape(id)}"]`));
    const all = due;
    wanted = new Set(); due = false;
    try {
      if (ids.length) {
        const fresh = await fetched(table.dataset.liveRows + "?" + ids.map((id) => "id=" + encodeURIComponent(id)).join("&"));
        for (const row of fresh.querySelectorAll("[data-station]")) {
          const old = table.querySelector(`[data-station="${CSS.escape(row.dataset.station)}"]`);
          if (!old) continue;
          localise(row);
          if (old.textContent.replace(/\s+/g, "") !== row.textContent.replace(/\s+/g, "")) row.classList.add("changed");
          old.replaceWith(row);
        }
      }
      if (all) {
        for (const part of parts) {
          if (busy(part)) { due = true; continue; }
          const said = [...part.querySelectorAll(".outcome")].map((each) => each.innerHTML);
          const fresh = await fetched(part.dataset.livePart);
          for (const moved of fresh.querySelectorAll("[data-moves]")) {
            document.getElementById(moved.dataset.moves)?.replaceChildren(...moved.childNodes);
            moved.remove();
          }
          localise(fresh);
          part.replaceChildren(fresh);
          [...part.querySelectorAll(".outcome")].forEach((each, index) => { if (said[index]) each.innerHTML = said[index]; });
          htmx.process(part);
        }
      }
    } catch { due = due || all; ids.forEach((id) => wanted.add(id)); }
    if (due || wanted.size) soon(3000);
  };
  const soon = (wait) => { timer ||= setTimeout(refresh, wait); };

  const happened = (event) => {
    seq = event.lastEventId || seq;
    const told = JSON.parse(event.data);
    if (told.station_id) wanted.add(told.station_id);
    if (!place || told.station_id === place) due = due || parts.length > 0;
    soon(parts.length && !place ? 1500 : 400);
  };
  const numbers = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: true });
  const energies = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2, useGrouping: true });
  const measured = (event) => {
    for (const each of JSON.parse(event.data)) {
      const key = CSS.escape(`${each.station_id} ${each.evse_id}`);
      const show = (name, text) => { for (const spot of document.querySelectorAll(`[data-${name}="${key}"]`)) spot.textContent = text(spot); };
      if (each.power_w !== undefined) show("power", () => numbers.format(each.power_w / 1000));
      if (each.energy_wh !== undefined) show("energy", (spot) => energies.format((each.energy_wh - Number(spot.dataset.start)) / 1000));
      if (each.soc_percent !== undefined) show("soc", () => Math.round(each.soc_percent));
    }
  };

  const open = () => {
    stream = new EventSource("/live?after=" + seq + (place ? "&station=" + encodeURIComponent(place) : ""));
    stream.onopen = () => {
      clearTimeout(broken);
      broken = undefined;
      if (!lost.hidden) { lost.hidden = true; due = parts.length > 0; rows()?.querySelectorAll("[data-station]").forEach((row) => wanted.add(row.dataset.station)); soon(100); }
    };
    stream.onerror = () => {
      broken ??= setTimeout(() => { lost.hidden = false; }, 1000);
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
    stream.addEventListener("samples", measured);
    for (const kind of body.dataset.liveKinds.split(" ")) stream.addEventListener(kind, happened);
  };
  addEventListener("pagehide", () => stream?.close());
  open();
})();
