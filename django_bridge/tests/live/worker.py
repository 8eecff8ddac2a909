"""Another process of the site: posts forms, each from a new browser, and prints the answers."""

from __future__ import annotations

import json
import os
import sys

import django
from django.conf import settings


def main() -> None:
    """Read the settings and the posts from standard input, as `other_worker` writes them."""
    task = json.load(sys.stdin)
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_project.settings"
    settings.DATABASES["default"].update(task["database"])
    settings.SESPAN = task["sespan"]
    django.setup()
    from django.test import Client

    pages = [Client().post(path, form) for path, form in task["posts"]]
    json.dump([[p.status_code, p.headers.get("Location"), p.text] for p in pages], sys.stdout)


if __name__ == "__main__":
    main()
