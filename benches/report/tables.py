"""What was measured, as tables."""

import statistics
from collections import defaultdict

from figures import MB, MIB, OURS, spread, table


def comparison(case):
    """Every way of a case: the ratios to the function first, then the figures that they are made of."""
    head = ["way", "CPU, × ours", "wall, × ours", "memory, × ours", "CPU s", "from–to", "of it transfer"]
    head += ["wall s", "from–to", "peak MiB", "disk MB", "requests", "first request, ms", "stack's CPU s"]
    rows = []
    for way in case.ways:
        ratio = lambda field: f"{case.median(way, field) / case.median(OURS, field):.2f}"
        number = lambda value, digits, scale=1: "–" if value is None else f"{value / scale:.{digits}f}"
        middle = lambda field, digits=2, scale=1: number(case.median(way, field), digits, scale)
        rows.append(
            [way, ratio("cpu"), ratio("wall"), ratio("peak_memory")]
            + [middle("cpu", 3), spread(case.values(way, "cpu"), 3), middle("transfer_cpu", 3)]
            + [middle("wall"), spread(case.values(way, "wall"))]
            + [middle("peak_memory", 1, MIB), middle("written", 1, MB), sum(case.calls(way).values())]
            + [middle("first_request", 1, 1e-3), middle("stack_cpu")]
        )
    return table(head, rows)


def brief(case):
    """The figures of every way of a case, and nothing about them."""
    rows = []
    for way in case.ways:
        ratio = lambda field: case.median(way, field) / case.median(OURS, field)
        times = lambda field: f"{case.median(way, field):.2f} ({ratio(field):.1f}×)"
        numbers = [f"{case.median(way, 'peak_memory') / MIB:.0f}", f"{case.median(way, 'written') / MB:.0f}"]
        rows.append([way, times("cpu"), times("wall"), *numbers, sum(case.calls(way).values())])
    return table([str(case), "CPU, s", "wall, s", "peak MiB", "disk MB", "requests"], rows)


def calls(case):
    """What each way asked of AWS."""
    asked = lambda way: ", ".join(f"{name} {count}" for name, count in case.calls(way).items())
    return table(["way", "what it asked for"], [[way, asked(way)] for way in case.ways])


def memory(figures):
    """Peak memory by the length of the clip and the settings: the median, and the worst."""
    peaks, sizes = defaultdict(lambda: defaultdict(list)), {}
    for export in figures.memory:
        clip = f"{export['stream']}, {export['seconds']} s"
        peaks[clip][export["settings"]].append(export["run"]["peak_memory"] / MIB)
        sizes[clip] = export["run"]["bytes"] / MB
    settings = ["fresh", "warm", "small buffers"]
    cell = lambda values: [f"{statistics.median(values):.1f}", f"{max(values):.1f}"] if values else ["–", "–"]
    rows = [[clip, f"{sizes[clip]:.0f}", *(c for s in settings for c in cell(of[s]))] for clip, of in peaks.items()]
    return table(["clip", "MB", *(c for s in settings for c in (f"{s}, MiB", "worst"))], rows)


def stages(figures):
    """Where the function's wall time went, by its own metrics, of the longest clips that it exported alone."""
    longest = [export for export in figures.memory if export["settings"] == "fresh"][-2:]
    names = sorted({name for export in longest for name in export["stages"]})
    rows = [
        [f"{export['stream']}, {export['seconds']} s", f"{export['run']['transfer_wall']:.2f}"]
        + [f"{export['stages'].get(name, 0):.2f}" for name in names]
        for export in longest
    ]
    return table(["seconds", "wall", *names], rows)


def day(figures):
    """Planning and joining a day, without an export around it."""
    head = ["tables of a day", "read s", "merge s", "write s", "moov MB", "heap, bytes a sample"]
    rows = [
        [shape["shape"], *(f"{shape[part]:.3f}" for part in ("scan", "merge", "write"))]
        + [f"{shape['head'] / MB:.1f}", f"{shape['bytes_per_sample']:.2f}"]
        for shape in figures.day["shapes"]
    ]
    return table(head, rows)


def packages(sizes):
    """What has to be deployed."""
    return table(["way", "MB"], [[way, f"{size / MB:.1f}"] for way, size in sizes.items()])
