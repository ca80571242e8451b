"""Keeps what `make bench` found: the whole of it in benches/results, and its summary in the README.

    keep.py FOLDER
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- written by `make bench-keep` -->\n", "<!-- until here -->"


def main(folder):
    for name in ("README.md", "bench.png"):
        shutil.copy(Path(folder) / name, ROOT / "benches/results" / name)
    readme = ROOT / "README.md"
    before, rest = readme.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    summary = (Path(folder) / "summary.md").read_text("utf-8")
    readme.write_text(f"{before}{BEGIN}\n{summary}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
