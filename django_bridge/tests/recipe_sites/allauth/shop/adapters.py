"""Sespan's own page `register` is there, too, with the code first."""

from django_sespan.adapter import Adapter


class CodeFirst(Adapter):
    """As W026 asks for."""

    code_first = True
