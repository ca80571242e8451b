"""The figures that were measured, and what is asked of them everywhere: a median, a spread, a ratio."""

import json
import statistics
from pathlib import Path

OURS = "clip-export"
# Everybody who exports, in the order of the tables; what is measured for comparison comes behind.
WAYS = [OURS, "boto3", "AWS CLI", "Node.js", "recipe", "curl", "download alone", "upload alone"]
MIB = 2**20
MB = 1e6


class Case:
    """One clip over one network, by several ways."""

    def __init__(self, case):
        self.clip, self.scheme, self.network = case["clip"], case["scheme"], case["network"]
        self.runs = case["runs"]
        self.ways = [way for way in WAYS if way in self.runs]

    def __str__(self):
        over = self.scheme.upper()
        return f"{self.clip} over {over}" + ("" if self.network == "loopback" else f", {self.network}")

    def values(self, way, field):
        """A field of each run of a way; runs that have none are left out."""
        values = (run[field] for run in self.runs.get(way, []))
        return [value for value in values if value is not None]

    def median(self, way, field):
        values = self.values(way, field)
        return statistics.median(values) if values else None

    def calls(self, way):
        """How often each operation was called, in the run that called least: throttling adds to the others."""
        return min((run["calls"] for run in self.runs[way]), key=lambda calls: sum(calls.values()))


class Figures:
    """All of one `make bench`."""

    def __init__(self, folder):
        export, day = (json.loads((Path(folder) / name).read_text("utf-8")) for name in ("export.json", "day.json"))
        self.quick, self.load, self.binary = export["quick"], export["load"], export["binary"]
        self.cases = [Case(case) for case in export["cases"]]
        self.memory, self.starts = export["memory"], export["starts"]
        self.day = day

    def case(self, clip, scheme, network="loopback"):
        """The case of that name, if it was measured."""
        wanted = (clip, scheme, network)
        return next((case for case in self.cases if (case.clip, case.scheme, case.network) == wanted), None)


def spread(values, digits=2):
    """The least and the most."""
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}" if len(values) > 1 else ""


def table(head, rows):
    """Markdown, whose columns stand under each other in a terminal too: the first left, the others right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in [head, *rows])) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [head, rule, *rows]
    cells = lambda line: [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]
    return "\n".join(f"| {' | '.join(cells(line))} |" for line in lines)
