/**
 * The code form: takes the code out of the link's fragment, tolerates any paste, counts
 * down to the next resend, and keeps a form from being sent twice. Works without any of it.
 */

const LENGTHS = [6, 8];

/** The digits of a text when they are as many as a code has, else "". */
function codeIn(text) {
  const digits = text.normalize("NFKC").replace(/[^0-9]/g, "");
  return LENGTHS.includes(digits.length) ? digits : "";
}

/** The link in the mail is …/code/#code=123456: a fragment never reaches a server or a log. */
function fillFromFragment(field) {
  const fragment = window.location.hash.slice(1);
  if (!fragment) return;
  const code = codeIn(new URLSearchParams(fragment).get("code") ?? decode(fragment));
  if (!code) return;
  // Out of the address bar, the history and every screenshot of them.
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  if (field) field.value = code;
}

function decode(fragment) {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return "";
  }
}

function takePaste(field) {
  field.addEventListener("paste", (event) => {
    const code = codeIn(event.clipboardData?.getData("text") ?? "");
    if (!code) return;
    event.preventDefault();
    field.value = code;
  });
}

function countDown(button) {
  const end = Date.now() + Number(button.dataset.seconds) * 1000;
  const label = button.querySelector("[data-sespan-countdown]");
  const seconds = button.querySelector("[data-sespan-seconds]");
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    if (label) label.hidden = left <= 0;
    if (seconds) seconds.textContent = String(Math.max(0, left));
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

function submitOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
  });
  // Back from the next page: the browser may show this one as it was left.
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

const field = document.querySelector("[data-sespan-code]");
fillFromFragment(field);
window.addEventListener("hashchange", () => fillFromFragment(field));
if (field) takePaste(field);
document.querySelectorAll("[data-sespan-resend]").forEach(countDown);
document.querySelectorAll("form[data-sespan-once]").forEach(submitOnce);
