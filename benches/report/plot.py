"""The picture of the README: processor time, wall time and memory, of a short clip and of a long one."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from figures import MIB, OURS

INK, OTHERS, FLOOR = "#0b6e4f", "#b8bfc6", "#e3e6e9"
COLUMNS = [("cpu", "CPU, s", 1), ("wall", "wall, s", 1), ("peak_memory", "peak memory, MiB", MIB)]


def draw(figures, path):
    """Draws those of the two cases that were measured; False if there is none."""
    cases = [case for clip in ("100 MB", "10 minutes") if (case := figures.case(clip, "https"))]
    if not cases:
        return False
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9})
    figure, grid = plt.subplots(len(cases), 3, figsize=(10, 0.9 + 1.75 * len(cases)), squeeze=False)
    for row, case in zip(grid, cases):
        ways = case.ways[::-1]
        for axes, (field, label, scale) in zip(row, COLUMNS):
            values = [[value / scale for value in case.values(way, field)] for way in ways]
            middle = [case.median(way, field) / scale for way in ways]
            errors = [
                [m - min(v) for m, v in zip(middle, values)],
                [max(v) - m for m, v in zip(middle, values)],
            ]
            colours = [INK if way == OURS else FLOOR if way == "curl" else OTHERS for way in ways]
            names = ["curl (floor)" if way == "curl" else way for way in ways]
            axes.barh(names, middle, color=colours, xerr=errors, error_kw={"lw": 0.8, "ecolor": "#555"})
            for place, (m, v) in enumerate(zip(middle, values)):
                axes.text(max(v), place, f"  {m:.0f}" if scale > 1 or m >= 100 else f"  {m:.2f}", va="center")
            axes.set_xlim(0, max(max(v) for v in values) * 1.25)
            axes.spines[["top", "right", "bottom"]].set_visible(False)
            axes.tick_params(bottom=False, labelbottom=False, left=False, labelleft=axes is row[0])
            axes.set_title(label if axes is not row[0] else f"{case}: {label}", loc="left", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    return True
