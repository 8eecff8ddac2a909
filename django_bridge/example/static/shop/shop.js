/**
 * The shop's own few lines: shows what the draw saves, and sends a form once.
 * Prices shown here are for the eyes; the server asks for its own.
 */

/** Return a decimal string such as "150000.00" as `Rp 150.000`, exactly, half up. */
export function rupiah(amount) {
  const [whole, part = ""] = amount.split(".");
  const rounded = BigInt(whole) + (part >= "5" ? 1n : 0n);
  return `Rp\u00a0${rounded.toString().replace(/\B(?=(\d{3})+$)/g, ".")}`;
}

function hundredths(amount) {
  const [whole, part = ""] = amount.split(".");
  return BigInt(whole + part.padEnd(2, "0").slice(0, 2));
}

/** Return [saving as a decimal string, whole percent] of an answer. */
export function saving({ transaction_amount: goods, discounted_amount: toPay }) {
  const all = hundredths(goods);
  const saved = all - hundredths(toPay);
  const digits = saved.toString().padStart(3, "0");
  const percent = all > 0n ? (saved * 200n + all) / (all * 2n) : 0n;
  return [`${digits.slice(0, -2)}.${digits.slice(-2)}`, percent];
}

function showDraw({ target: box, detail: result }) {
  const [saved, percent] = saving(result);
  box.querySelector("[data-saving]").textContent = rupiah(saved);
  box.querySelector("[data-to-pay]").textContent = rupiah(result.discounted_amount);
  if (result.discounted && percent > 0n) {
    const text = box.dataset.textWonPercent.replace("{percent}", percent);
    box.querySelector("[data-sespan-status]").textContent = text;
  }
}

function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, 3000); // a page hears nothing of Stop or Esc
  });
  // Back from the next page: the browser may show this one as it was left.
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

document.addEventListener("sespan:drawn", showDraw);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelector("[aria-invalid='true'], [data-focus]")?.focus();
