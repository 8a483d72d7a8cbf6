// A page that stands for something which may change follows it by itself: without a reload, and only while it is seen.

import { showTimes } from "./pages.js";

const AGAIN = 5000;
const LONGEST = 10 * 60 * 1000;
const began = Date.now();
let events = null;

const shown = () => document.querySelector("[data-live]");

async function hear(state) {
  if (!shown() || String(state.version) === shown().dataset.version) return;
  const page = await fetch(location.pathname, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!page.ok) return;
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
  for (const part of ["[data-live]", ".page-head"]) {
    const old = document.querySelector(part);
    const next = fresh.querySelector(part);
    if (!old || !next || old.contains(document.activeElement)) continue;
    old.replaceWith(next);
    showTimes(next);
  }
  const said = document.querySelector("[data-live-said]");
  if (said) said.textContent = `The status is now ${state.status.replaceAll("_", " ")}.`;
}

// Where no stream comes through, as behind some proxies, the page asks now and then.
async function ask() {
  if (Date.now() - began > LONGEST) return;
  try {
    const answer = await fetch(`${shown().dataset.live}/state`, { headers: { Accept: "application/json" }, redirect: "error" });
    if (answer.ok) await hear(await answer.json());
  } catch {
    // The next look may succeed.
  }
  if (!document.hidden) setTimeout(listen, AGAIN);
}

function listen() {
  if (events || document.hidden) return;
  events = new EventSource(`${shown().dataset.live}/events`);
  events.addEventListener("message", (event) => hear(JSON.parse(event.data)).catch(() => {}));
  events.addEventListener("error", () => {
    if (events?.readyState !== EventSource.CLOSED) return;
    rest();
    setTimeout(ask, AGAIN);
  });
}

// A browser has few connections to a host: a tab that nobody looks at holds none.
function rest() {
  events?.close();
  events = null;
}

if (shown()) {
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", listen);
}
