"""The handbook's steps, and what is looked at after each."""

from __future__ import annotations

import django

from ten_minutes.handbook import Block
from ten_minutes.site import Site
from ten_minutes.visitor import Visitor


def first_look(site: Site, blocks: dict[str, Block]) -> None:
    """Give a fresh project the pages before and after those of the bridge."""
    site.append("shop/settings.py", blocks["first-look-settings"].text)
    site.append("shop/urls.py", blocks["first-look-urls"].text)


def follow(
    site: Site,
    blocks: dict[str, Block],
    *,
    init: str = "init",
    more: str = "",
    has_pages: bool = True,
) -> None:
    """Do what the handbook says, up to the last step; `more` goes into the settings.

    Nothing on the way may warn of anything: what a reader cannot explain stops the reader.
    """
    for name in (init, "install"):
        for command in blocks[name].commands():
            site.run(command)
    site.append("shop/settings.py", blocks["settings"].text + mail_backend(blocks) + more)
    site.append("shop/urls.py", blocks["urls"].text)
    if not has_pages:
        first_look(site, blocks)
    for command in blocks["migrate"].commands():
        assert "WARNINGS" not in site.run(command)
    do(site, blocks["serve"].commands())


def mail_backend(blocks: dict[str, Block]) -> str:
    """The setting that this Django takes."""
    return blocks["mailers" if django.VERSION >= (6, 1) else "email-backend"].text


def do(site: Site, commands: list[str]) -> str:
    """Run commands, or start those that stay; give what the last one printed."""
    pages = {
        "sespan inbox": f"http://{site.inbox}/",
        "sespan serve": f"http://{site.admin}/readyz",
        "python manage.py runserver": f"http://{site.web}/admin/login/",
    }
    printed = ""
    for command in commands:
        page = next((page for start, page in pages.items() if command.startswith(start)), None)
        assert command.endswith(" &") == bool(page)
        if page is None:
            printed = site.run(command)
        else:
            site.start(command, page)
    return printed


def passed_steps(text: str) -> list[str]:
    """The names of the steps that went well, in order."""
    return [line.split()[3] for line in text.splitlines() if line.startswith("ok ")]


def verify(site: Site, blocks: dict[str, Block]) -> None:
    """Run the last step; it prints the steps that the handbook shows, and no secret."""
    printed = do(site, blocks["verify"].commands())
    assert passed_steps(printed) == passed_steps("\n".join(blocks["verify"].output()))
    assert printed.endswith("All is well.\n")
    assert (site.folder / "sespan.key").read_text().strip() not in printed


def registers(site: Site, name: str, table: str, *, code_first: bool = False) -> Visitor:
    """Somebody registers, takes the code out of the mail and is logged in."""
    visitor = Visitor(site)
    visitor.register(name)
    active = f"SELECT is_active FROM {table} WHERE username = %s"
    assert site.rows(active, name) == ([] if code_first else [(False,)])
    visitor.enter_code(name)
    assert visitor.is_logged_in()
    assert site.rows(active, name) == [(True,)]
    return visitor
