"""The Django side of Sespan: e-mail codes, queued mail, discount draws, API log."""

__version__ = "0.2.0.dev0"
