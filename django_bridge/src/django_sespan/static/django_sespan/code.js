/**
 * The code form: takes the code out of the link's fragment, tolerates any paste, counts
 * down to the next resend, and keeps a form from being sent twice, by a double click or by
 * a reload. Works without any of it.
 *
 * A page that must first ask who it is (data-sespan-keep-code) leaves the code in the
 * tab's own storage for the code form that follows: never in a URL or a request. It is
 * taken out as soon as it is used, and is forgotten after ten minutes.
 */

const LENGTHS = [6, 8];
const KEPT = "sespan-code";
const KEPT_FOR = 10 * 60 * 1000;
const SENT_FOR = 3000;

/**
 * The code in a text, else "": a text of a code's digits alone, which spaces and dashes may part,
 * or one run of so many digits among other words. Of two runs nobody knows which is meant.
 */
function codeIn(text) {
  const plain = text.normalize("NFKC");
  const digits = plain.replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, "");
  if (/^[0-9]+$/.test(digits)) return LENGTHS.includes(digits.length) ? digits : "";
  const runs = plain.match(/[0-9]+/g) ?? [];
  const codes = runs.filter((run) => LENGTHS.includes(run.length));
  return codes.length === 1 ? codes[0] : "";
}

/**
 * The link in the mail is …/code/#code=123456: a fragment never reaches a server or a log.
 * What a mail service hangs behind it, as a query or as more of the fragment, is no part of it.
 */
function takeFragment() {
  const parts = window.location.hash.slice(1).split(/[&?#;]/);
  const named = parts.find((part) => part.startsWith("code="));
  const code = codeIn(decode((named ?? parts[0]).replace(/^code=/, "").replaceAll("+", " ")));
  if (named === undefined && !code) return "";
  // Out of the address bar, the history and every screenshot of them.
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return code;
}

/** sessionStorage may be switched off: the person then types the code. */
function keep(code) {
  try {
    window.sessionStorage.setItem(KEPT, JSON.stringify({ code, at: Date.now() }));
  } catch {
    // nothing is lost but comfort
  }
}

function takeKept() {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(KEPT));
    window.sessionStorage.removeItem(KEPT);
    return kept && Date.now() - kept.at < KEPT_FOR ? codeIn(String(kept.code)) : "";
  } catch {
    return "";
  }
}

function fill(field) {
  const code = takeFragment();
  if (field) {
    const kept = takeKept();
    if (code || (kept && !field.value)) field.value = code || kept;
  } else if (code && document.querySelector("[data-sespan-keep-code]")) {
    keep(code);
  }
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
    const text = event.clipboardData?.getData("text") ?? "";
    const code = codeIn(text);
    // A part of a code is pasted as it is; of other words nothing is filled in.
    if (!code && !/[^0-9\s\p{Pd}\p{Cf}\u2212]/u.test(text.normalize("NFKC"))) return;
    event.preventDefault();
    if (code) field.value = code;
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
    // Stop or Esc, of which a page hears nothing, leave it as it is: a second submit does no harm.
    setTimeout(() => delete form.dataset.sent, SENT_FOR);
  });
  // Back from the next page: the browser may show this one as it was left.
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

/**
 * A refused form is the answer to a POST. Reloading it, or coming back to it, would send
 * the same code again and cost a guess, after a question of the browser that nobody
 * understands: from here on this entry of the history is a page like any other.
 */
function forgetPost() {
  if (!document.querySelector("[data-sespan-code-form], [data-sespan-keep-code]")) return;
  window.history.replaceState(null, "", window.location.href);
}

const field = document.querySelector("[data-sespan-code]");
fill(field);
forgetPost();
window.addEventListener("hashchange", () => fill(field));
if (field) takePaste(field);
document.querySelectorAll("[data-sespan-resend]").forEach(countDown);
document.querySelectorAll("form[data-sespan-once]").forEach(submitOnce);
