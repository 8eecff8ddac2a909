/**
 * The page of keys: copies a key that was just made, and keeps a form from being sent twice.
 * Without it the key is selected and copied by hand, and the server refuses the second sending.
 */

const copy = document.querySelector("[data-sespan-copy]");
const key = document.querySelector("[data-sespan-key]");

if (key) key.addEventListener("focus", () => key.select());

if (copy && key && navigator.clipboard) {
  const label = copy.textContent;
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key.value);
    } catch {
      key.focus(); // the browser does not allow it: the key is selected, to be copied by hand
      return;
    }
    copy.textContent = copy.dataset.copied;
    document.querySelector("[data-sespan-said]").textContent = copy.dataset.copied;
    setTimeout(() => { copy.textContent = label; }, 2000);
  });
}

for (const form of document.querySelectorAll("[data-sespan-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, 3000); // a page hears nothing of Stop or Esc
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}
