"""The handbook's commands and settings, as they stand there, on sites of three kinds."""
