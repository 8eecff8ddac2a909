"""Pairwise combinations: every pair of values of two factors stands in some row."""

from __future__ import annotations

from itertools import combinations, product


def pairwise(factors):
    """A list of rows {factor: value}; few rows, the same ones each time."""
    names = list(factors)
    positions = {name: range(len(factors[name])) for name in names}
    missing = {
        ((a, i), (b, j))
        for a, b in combinations(names, 2)
        for i, j in product(positions[a], positions[b])
    }
    rows = []
    while missing:
        row = dict(min(missing))  # a pair that no row has yet; the others join it greedily
        for name in names:
            if name not in row:
                row[name] = max(
                    positions[name], key=lambda i, n=name: len(_pairs({**row, n: i}) & missing)
                )
        missing -= _pairs(row)
        rows.append({name: factors[name][row[name]] for name in names})
    return rows


def _pairs(row):
    ordered = sorted(row.items(), key=lambda item: item[0])
    both = set(combinations(ordered, 2))
    return both | {(b, a) for a, b in both}
