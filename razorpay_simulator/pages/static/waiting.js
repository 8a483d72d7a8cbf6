// Goes on by itself once the bank has answered; without it a link does the same.
"use strict";

const waiting = document.querySelector("[data-state]");
if (waiting) {
  const look = async () => {
    const answer = await fetch(waiting.dataset.state, { cache: "no-store" }).catch(() => null);
    if (answer && answer.ok && (await answer.text()) !== "created") location.reload();
    else setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}
