"""People and their roles in the admin."""

from django_sespan.admin.people.admin import PeopleAdmin

__all__ = ["PeopleAdmin"]
