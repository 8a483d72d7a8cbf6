// What a customer's page adds where there are scripts: it goes on by itself, and changes when the outcome is known.

const place = document.querySelector("[data-screen]");
const POLL_SECONDS = 4;
const FOLLOW_SECONDS = 3;

function look(state) {
  if (state.screen === place.dataset.screen) return;
  location.replace(place.dataset.here);
}

function poll() {
  setTimeout(async () => {
    try {
      const answer = await fetch(place.dataset.state + query(), { headers: { Accept: "application/json" } });
      if (answer.ok) look(await answer.json());
    } catch {
      // Without a network there is nothing to say; the next look may find one.
    }
    poll();
  }, POLL_SECONDS * 1000);
}

function query() {
  return place.hasAttribute("data-back") ? "?back=1" : "";
}

function listen() {
  const events = new EventSource(place.dataset.events + query());
  events.addEventListener("message", (event) => look(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) poll();
  });
  addEventListener("pagehide", () => events.close());
}

// Somebody who comes back by the browser's history sees the page as it was: ask for it anew.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

if (place?.dataset.events) listen();

// To the processor without a further click; once, so that the back button leads out of here.
const going = document.querySelector("form[data-go]");
if (going && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") going.submit();

// Back to the merchant's site, once in each tab, so that the page may be opened again.
const onward = document.querySelector("a[data-follow]");
if (onward && !sessionStorage.getItem(onward.dataset.follow)) {
  document.querySelector("[data-follows]").hidden = false;
  setTimeout(() => {
    sessionStorage.setItem(onward.dataset.follow, "followed");
    location.assign(onward.href);
  }, FOLLOW_SECONDS * 1000);
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
