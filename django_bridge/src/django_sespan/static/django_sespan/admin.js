// The box above the list of mails ticks those of the page.
"use strict";
document.querySelectorAll("[data-sespan-all]").forEach((all) => {
  const boxes = [...document.querySelectorAll("input.action-select")];
  const show = () => {
    boxes.forEach((box) => box.closest("tr").classList.toggle("selected", box.checked));
    all.checked = boxes.length > 0 && boxes.every((box) => box.checked);
    all.indeterminate = !all.checked && boxes.some((box) => box.checked);
  };
  all.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = all.checked; });
    show();
  });
  boxes.forEach((box) => box.addEventListener("change", show));
  window.addEventListener("pageshow", show);
});
