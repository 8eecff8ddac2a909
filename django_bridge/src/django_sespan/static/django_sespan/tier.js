// The form of a tier: asks what the values that are being filled in cost, and shows the answer.
"use strict";
const cost = document.querySelector("[data-sespan-cost]");
if (cost) {
  const form = cost.closest("form");
  let asked = 0;
  let timer = 0;
  const show = async () => {
    const mine = (asked += 1);
    const query = new URLSearchParams();
    for (const name of cost.dataset.sespanFields.split(" ")) {
      query.set(name, form.elements[name]?.value ?? "");
    }
    try {
      const answer = await fetch(`${cost.dataset.sespanCost}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || mine !== asked) return;
      const { sentences } = await answer.json();
      cost.replaceChildren(...sentences.map((text) => {
        const line = document.createElement("div");
        line.textContent = text;
        return line;
      }));
    } catch {
      // The sentences of the last answer stay; saving says what is wrong.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 300);
  });
  show();
}
