"""People with roles, as `sespan_init` and the page People make them."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User

PERMISSIONS = {"admin": "administer", "dashboard": "view_dashboard", "report": "view_reports"}


def person(name, *roles, **fields):
    """A user with the permissions of these roles, given directly."""
    user = User.objects.create_user(name, f"{name}@example.com", "x", **fields)
    wanted = [PERMISSIONS[role] for role in roles]
    found = Permission.objects.filter(content_type__app_label="sespan", codename__in=wanted)
    user.user_permissions.set(found)
    return User.objects.get(pk=user.pk)


def group(role):
    """The group of a role; `sespan_init` made it."""
    return Group.objects.get(name=f"Sespan {role}")
