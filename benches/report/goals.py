"""What the project wants of its figures, and whether it has it."""

import statistics
from collections import defaultdict

from figures import MB, MIB, OURS, table


def goals(figures):
    """Each goal that was measured: what, the figure, the most that it may be, its unit."""
    for scheme in ("http", "https"):
        over = scheme.upper()
        if case := figures.case("100 MB", scheme):
            part = lambda way, field: case.median(OURS, field) / case.median(way, field)
            yield f"CPU of boto3's at 100 MB over {over}", part("boto3", "cpu"), 0.3, "×"
            # Without the start of an interpreter, which flatters.
            yield f"the same, of the transfer alone, over {over}", part("boto3", "transfer_cpu"), 0.3, "×"
            yield f"CPU of the floor's at 100 MB over {over}", part("curl", "cpu"), 1.6, "×"
            yield f"peak memory of boto3's at 100 MB over {over}", part("boto3", "peak_memory"), 0.5, "×"
        if case := figures.case("10 MB", scheme):
            first = case.median(OURS, "first_request") * 1e3
            yield f"start to first request over {over}", first, 25, "ms"
        if case := figures.case("10 minutes", scheme):
            part = case.median(OURS, "cpu") / case.median("recipe", "cpu")
            yield f"CPU of the recipe's at 10 minutes over {over}", part, 0.35, "×"
    for case in figures.cases:
        alone = {"slow camera": "download alone", "slow bucket": "upload alone"}.get(case.network)
        if alone:
            yield f"wall of {alone}: {case}", case.median(OURS, "wall") / case.median(alone, "wall"), 1.05, "×"
        if case.network == "600 Mbit/s":
            part = case.median(OURS, "wall") / case.median("recipe", "wall")
            yield f"wall of the recipe's: {case}", part, 0.5, "×"
    yield from memory(figures)
    # What the system notes when a file was read counts as a block of it.
    written = [run["written"] for case in figures.cases for run in case.runs[OURS]]
    if written:
        yield "bytes on disks, the most of any clip", max(written) / MB, 0.1, "MB"
    yield "binary", figures.binary / MB, 15, "MB"
    yield "planning 43,200 fragments", figures.day["planning"] * 1e3, 20, "ms"
    shapes = figures.day["shapes"]
    yield "merging and writing a day, the slowest shape", max(s["merge"] + s["write"] for s in shapes), 1, "s"
    yield "heap of a day, the largest shape", max(s["bytes_per_sample"] for s in shapes), 16, "bytes a sample"


def memory(figures):
    """The goals of memory: that of any length, and that it does not grow."""
    of_memory = [export for export in figures.memory if export["settings"] != "small buffers"]
    peaks = [(e["run"]["peak_memory"] / MIB, f"{e['stream']}, {e['seconds']} s, {e['settings']}") for e in of_memory]
    peaks += [(run["peak_memory"] / MIB, str(case)) for case in figures.cases for run in case.runs[OURS]]
    if peaks:
        worst, where = max(peaks)
        yield f"peak memory, the most of any clip ({where})", worst, 64, "MiB"
    small = defaultdict(lambda: defaultdict(list))
    for export in figures.memory:
        if export["settings"] == "small buffers":
            small[export["stream"]][export["seconds"]].append(export["run"]["peak_memory"])
    medians = [[statistics.median(peaks) for peaks in clips.values()] for clips in small.values()]
    if medians:
        # Clips that differ by a factor of nearly six, where one buffer of 5 MiB more or less is a fifth.
        growth = max(max(peaks) / min(peaks) for peaks in medians)
        yield "memory of the longest clip by that of the shortest, small buffers", growth, 1.25, "×"


def verdict(measured, most):
    return "met" if measured <= most else f"**missed by {(measured / most - 1) * 100:.0f} %**"


def judged(figures):
    """The goals as a table, and whether all are met."""
    found = list(goals(figures))
    rows = [
        [what, f"{measured:.2f} {unit}", f"{most:g} {unit}", verdict(measured, most)]
        for what, measured, most, unit in found
    ]
    return table(["goal", "measured", "at most", ""], rows), all(measured <= most for _, measured, most, _ in found)
