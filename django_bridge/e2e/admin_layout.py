"""What is wrong with a page's layout: it scrolls sideways, or texts and controls overlap.

The rectangles of all visible texts and controls are compared, clipped by whatever cuts or scrolls
them. A control and its own label's text may share a place; two texts may not.
"""

from __future__ import annotations

from playwright.sync_api import Page

FAULTS = """() => {
  const faults = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  const clip = ({ left, top, right, bottom }, element) => {
    let box = { left, top, right, bottom };
    for (let e = element; e && e !== document.documentElement; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.position === "fixed" || style.position === "sticky") return null;
      if (style.visibility === "hidden" || style.opacity === "0") return null;
      if (style.clip === "rect(0px, 0px, 0px, 0px)" || style.clipPath !== "none") return null;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const frame = e.getBoundingClientRect();
      box = { left: Math.max(box.left, frame.left), top: Math.max(box.top, frame.top),
              right: Math.min(box.right, frame.right), bottom: Math.min(box.bottom, frame.bottom) };
    }
    return box.right - box.left > 1 && box.bottom - box.top > 1 ? box : null;
  };
  if (scrollWidth > clientWidth) {
    const out = [...document.body.querySelectorAll("*")].filter((e) => {
      const box = clip(e.getBoundingClientRect(), e);
      return box && box.right > clientWidth + 1;
    });
    const last = out.at(-1)?.outerHTML.slice(0, 80);
    faults.push(`scrolls sideways: ${scrollWidth} > ${clientWidth}, by ${last}`);
  }
  const pieces = [];
  const add = (rects, element, what) => {
    for (const rect of rects) {
      const box = clip(rect, element);
      if (box) pieces.push({ ...box, element, what });
    }
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("script, style, svg, option, noscript")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    add(range.getClientRects(), parent, node.data.trim().slice(0, 40));
  }
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea, button")) {
    add(e.getClientRects(), e, `<${e.localName} ${e.name || e.textContent.trim().slice(0, 20)}>`);
  }
  const slack = 4;  // lines of one text may touch
  for (let i = 0; i < pieces.length; i++) {
    for (let j = i + 1; j < pieces.length; j++) {
      const a = pieces[i], b = pieces[j];
      if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > slack && high > slack) faults.push(`overlap: “${a.what}” and “${b.what}”`);
    }
  }
  const crumbs = document.querySelector(".breadcrumbs");
  const bar = crumbs && getComputedStyle(crumbs);
  if (crumbs && bar.backgroundColor === "rgba(0, 0, 0, 0)") faults.push("bare breadcrumbs");
  return [...new Set(faults)].slice(0, 10);
}"""


def faults(page: Page) -> list[str]:
    """Return what is wrong with the page as it stands, at its width and in its colours."""
    found: list[str] = page.evaluate(FAULTS)
    return found
