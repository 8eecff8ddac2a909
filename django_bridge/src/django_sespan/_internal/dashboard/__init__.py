"""What the dashboard shows: figures on top, charts, and the tables under them.

    question ──gather──▶ Answers ──▶ cards, panels (panels.py calls one module a noun)
                                        └▶ page (template), JSON (auto-refresh), CSV

Everything that is shown as text is made here, in the language of the request; the script
gets the same texts again when it refreshes, and the plain numbers for the charts.
"""
