// A text that somebody will paste elsewhere is copied by a button, where the browser lets a page do that.

for (const part of document.querySelectorAll(".copied")) {
  if (!navigator.clipboard) break;
  const row = part.querySelector("[hidden]");
  row.hidden = false;
  row.querySelector("[data-copy]").addEventListener("click", async () => {
    const said = row.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(part.querySelector("[data-copied]").textContent);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "It could not be copied; select the text.";
    }
  });
}
