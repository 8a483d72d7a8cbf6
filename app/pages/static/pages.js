// What every page does once there are scripts: times in the viewer's own zone, and a form that is sent only once.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && /^[A-Za-z0-9_+/-]+$/.test(zone)) {
  document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

export function showTimes(root) {
  const language = document.documentElement.lang;
  const day = { day: "numeric", month: "short", year: "numeric" };
  const clock = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, day);
  for (const shown of root.querySelectorAll("time[datetime][data-zone]")) {
    const moment = new Date(shown.dateTime);
    shown.textContent = (shown.textContent.includes(":") ? clock : date).format(moment);
  }
}

showTimes(document);

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-once")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});

// The back button shows a page as it was left: its forms are good again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});
