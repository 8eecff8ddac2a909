/**
 * The discount draw on a checkout page: one ES module, no build step, fit for a strict CSP.
 *
 *   draw({tokenUrl, orderRef, csrfToken}) → Promise<{transaction_id, tier_id, discounted,
 *     transaction_amount, discounted_amount, transaction_time}>; amounts are decimal strings
 *   mount(element)  wires a [data-sespan-checkout] box; boxes present at load are mounted
 *
 * Events of the box, bubbling: sespan:drawn (detail: the result) and sespan:error
 * (detail: {code, message, status, retryable, retryAfter}).
 * What is shown here is for the eyes only; the site's server asks for the price itself.
 */

const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
const LONGEST_WAIT = 5000;

export class SespanError extends Error {
  constructor(code, message, { status = 0, retryable = false, retryAfter = null } = {}) {
    super(message);
    this.name = "SespanError";
    Object.assign(this, { code, status, retryable, retryAfter });
  }
}

/** Draw, or get the result that the order already has: a repeat never draws again. */
export async function draw({
  tokenUrl, orderRef, csrfToken, timeout = 8000, attempts = 3, signal,
}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once({ tokenUrl, orderRef, csrfToken, timeout, signal });
    } catch (error) {
      if (!error.retryable || attempt >= attempts || signal?.aborted) throw error;
      await pause(error.retryAfter === null ? backoff(attempt) : error.retryAfter * 1000, signal);
    }
  }
}

async function once({ tokenUrl, orderRef, csrfToken, timeout, signal }) {
  const permit = await request(tokenUrl, {
    method: "POST",
    credentials: "same-origin",
    cache: "no-store",
    headers: { "X-CSRFToken": csrfToken, Accept: "application/json" },
    body: new URLSearchParams({ order_ref: orderRef }),
  }, timeout, signal);
  const result = await request(permit.url, {
    method: "POST",
    mode: "cors",
    credentials: "omit",
    cache: "no-store",
    headers: {
      Authorization: `Bearer ${permit.token}`,
      "Content-Type": "application/json",
      Accept: "application/json",
    },
    body: JSON.stringify({
      order_ref: permit.order_ref,
      transaction_amount: permit.transaction_amount,
    }),
  }, timeout, signal);
  if (typeof result.discounted !== "boolean" || typeof result.discounted_amount !== "string") {
    throw new SespanError("invalid-response", "The answer makes no sense");
  }
  return result;
}

async function request(url, options, timeout, signal) {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), timeout);
  const stop = () => clock.abort();
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(url, { ...options, redirect: "error", signal: clock.signal });
    const data = await body(response);
    if (response.ok && data) return data;
    throw refusal(response, data);
  } catch (error) {
    if (error instanceof SespanError) throw error;
    if (signal?.aborted) throw new SespanError("aborted", "Given up");
    const code = clock.signal.aborted ? "timeout" : "network";
    throw new SespanError(code, "No answer", { retryable: true });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function body(response) {
  if (!/\bjson\b/.test(response.headers.get("Content-Type") || "")) return null;
  const data = await response.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  return data !== null && typeof data === "object" ? data : null;
}

function refusal(response, data) {
  const { status } = response;
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const known = String(data?.type ?? "").replace("urn:sespan:problem:", "");
  const code = known || (status === 403 ? "csrf" : "invalid-response");
  return new SespanError(code, String(data?.detail ?? data?.title ?? `HTTP ${status}`), {
    status,
    retryable: RETRYABLE.has(status),
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
}

function backoff(attempt) {
  return 300 * 2 ** attempt * (0.5 + Math.random());
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_WAIT));
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** a − b for decimal strings, exactly. */
export function subtract(a, b) {
  const places = Math.max(...[a, b].map((n) => (n.split(".")[1] ?? "").length));
  const scaled = (n) => {
    const [whole, part = ""] = n.split(".");
    return BigInt(whole + part.padEnd(places, "0"));
  };
  const digits = String(scaled(a) - scaled(b)).padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}

/** Amounts with the digits that they have: what is charged is not rounded by its currency. */
function formatter(box) {
  const { currency } = box.dataset;
  const language = document.documentElement.lang || undefined;
  const style = currency ? { style: "currency", currency } : {};
  return (amount) => {
    const digits = (amount.split(".")[1] ?? "").length;
    try {
      return new Intl.NumberFormat(language, {
        ...style, minimumFractionDigits: digits, maximumFractionDigits: digits,
      }).format(amount);
    } catch {
      return amount;
    }
  };
}

function say(box, name) {
  const status = box.querySelector("[data-sespan-status]");
  if (status) status.textContent = box.getAttribute(`data-text-${name}`) ?? "";
}

function show(box, result) {
  const money = formatter(box);
  const amounts = {
    transaction_amount: result.transaction_amount,
    discounted_amount: result.discounted_amount,
    saved_amount: subtract(result.transaction_amount, result.discounted_amount),
  };
  for (const [name, amount] of Object.entries(amounts)) {
    for (const place of box.querySelectorAll(`[data-sespan-field="${name}"]`)) {
      place.textContent = money(amount);
    }
  }
  for (const part of box.querySelectorAll("[data-sespan-when]")) {
    part.hidden = part.dataset.sespanWhen === "won" && !result.discounted;
  }
  box.dataset.discounted = String(result.discounted);
  say(box, result.discounted ? "won" : "lost");
}

function message(error) {
  if (error.code === "unauthorized") return "login";
  return error.status === 429 || error.status === 503 ? "busy" : "error";
}

async function run(box, button) {
  if (box.dataset.state === "drawing" || box.dataset.state === "drawn") return;
  box.dataset.state = "drawing";
  box.setAttribute("aria-busy", "true");
  if (button) button.disabled = true;
  say(box, "drawing");
  try {
    const { tokenUrl, orderRef, csrfToken, timeout } = box.dataset;
    const result = await draw({
      tokenUrl, orderRef, csrfToken, timeout: Number(timeout) || undefined,
    });
    show(box, result);
    box.dataset.state = "drawn";
    if (button) button.hidden = true;
    box.dispatchEvent(new CustomEvent("sespan:drawn", { bubbles: true, detail: result }));
  } catch (error) {
    box.dataset.state = "error";
    say(box, message(error));
    if (button) button.hidden = false;
    const { code = "error", status = 0, retryable = false, retryAfter = null } = error;
    const detail = { code, message: error.message, status, retryable, retryAfter };
    box.dispatchEvent(new CustomEvent("sespan:error", { bubbles: true, detail }));
  } finally {
    box.removeAttribute("aria-busy");
    if (button) button.disabled = false;
  }
}

export function mount(box) {
  if (box.dataset.mounted !== undefined) return;
  box.dataset.mounted = "";
  const button = box.querySelector("[data-sespan-draw]");
  const money = formatter(box);
  for (const place of box.querySelectorAll('[data-sespan-field="transaction_amount"]')) {
    place.textContent = money(place.textContent.trim());
  }
  button?.addEventListener("click", () => run(box, button));
  if (box.dataset.auto !== undefined) run(box, button);
}

for (const box of document.querySelectorAll("[data-sespan-checkout]")) mount(box);
