"""What is shipped: texts in two languages, no inline script."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
APP = ROOT / "src" / "django_sespan"
CATALOGUE = APP / "locale" / "id" / "LC_MESSAGES"


def sources(*suffixes):
    return [p for p in sorted(APP.rglob("*")) if p.suffix in suffixes and "vendor" not in p.parts]


def test_every_text_is_indonesian_too():
    """The compiled catalogue is that of the .po file, and the .po file knows every text."""
    with (CATALOGUE / "django.po").open("rb") as file:
        catalogue = read_po(file, ignore_obsolete=True)
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    known = set()
    for message in catalogue:
        if not message.id:
            continue
        one = message.id[0] if isinstance(message.id, tuple) else message.id
        many = message.id[-1] if isinstance(message.id, tuple) else one
        known |= {one, many}
        translated = message.string[0] if isinstance(message.string, tuple) else message.string
        assert translated, one
        assert not message.fuzzy, one
        if isinstance(message.id, tuple):
            assert compiled.ngettext(one, many, 5) == translated
        else:
            assert compiled.gettext(one) == translated
        places = [sorted(re.findall(r"%\(\w+\)[ds]", text)) for text in (many, translated)]
        assert places[0] == places[1]
    for text in used():
        assert text in known, f"{text!r} is not in django.po: run makemessages"


def used():
    """Every text of the templates and of calls of gettext, one and many."""
    for path in sources(".html", ".txt"):
        text = path.read_text()
        yield from re.findall(r"""{%\s*translate "([^"]*)\"""", text)
        yield from re.findall(r"""{%\s*translate '([^']*)'""", text)
        blocks = r"{%\s*blocktranslate\b[^%]*%}(.*?){%\s*endblocktranslate\s*%}"
        for block in re.findall(blocks, text, re.DOTALL):
            for one in block.split("{% plural %}"):
                yield re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", one.replace("%", "%%"))
    for path in sources(".py"):
        yield from of_program(ast.parse(path.read_text()))


def of_program(tree):
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = names.get(node.func.id, "")
            texts = node.args[: 2 if called.startswith("ngettext") else 1] if called else []
            yield from (text.value for text in texts if isinstance(text, ast.Constant))


PAGES = [p for p in sources(".html") if p.parent.name != "mail"]  # mails have inline styles


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_templates_fit_a_strict_csp(path):
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\s(style|on\w+)=", text)
    assert "javascript:" not in text


@pytest.mark.parametrize("path", sources(".js"), ids=lambda p: p.name)
def test_scripts_build_no_markup(path):
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|eval\(|document\.write", path.read_text()
    )
