"""Keeps in the README what a measurement has found, between the two lines that name the verb which writes there.

    keep.py VERB FILE
"""

import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
END = "<!-- until here -->"


def main(verb, file):
    begin = f"<!-- written by `make {verb}` -->\n"
    before, rest = README.read_text("utf-8").split(begin)
    _, after = rest.split(END, 1)
    README.write_text(f"{before}{begin}\n{Path(file).read_text('utf-8')}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
