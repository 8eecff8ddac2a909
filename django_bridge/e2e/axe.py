"""axe-core in the page: what a screen reader or a keyboard would stumble over."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[1] / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async (rules) => {
  const { violations } = await axe.run(document, rules ? { runOnly: rules } : {});
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.html}`));
}"""


def violations(page: Page, *rules: str) -> list[str]:
    """Return each violation with its place, of all rules or of these.

    `make charts` fetches axe-core.
    """
    page.evaluate(AXE.read_text() + "; true")  # through the debugger: the page's policy stands
    found: list[str] = page.evaluate(RUN, list(rules) or None)
    return found
