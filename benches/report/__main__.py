"""Makes of the figures of `make bench` what a person reads.

    report [--assert] --node-modules FOLDER FOLDER

Reads export.json and day.json of the last folder, and writes README.md, summary.md and bench.png into it. With
--assert it ends with 1 where a goal is missed; without, the figures are those of one machine at one moment, and no judge.
"""

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import cost
import goals
import plot
import tables
from figures import Figures

BOTO3 = ["boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"]
AWS_CLI = ["awscli", "colorama", "docutils", "jmespath", "pyasn1", "python-dateutil", "PyYAML", "rsa", "urllib3"]


def installed(names):
    """Bytes of the files of packages of this Python."""
    files = (file.locate() for name in names for file in distribution(name).files or [])
    return sum(file.stat().st_size for file in map(Path, files) if file.exists())


def packages(figures, node_modules):
    """Bytes of what has to be deployed beside an interpreter."""
    files = (file for file in Path(node_modules).rglob("*") if file.is_file())
    node = sum(file.stat().st_size for file in files)
    python = {"boto3": installed(BOTO3), "AWS CLI": installed(AWS_CLI)}
    return {"clip-export, all of it": figures.binary, **python, "Node.js": node}


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def machine(figures):
    """What it was measured on, and what was measured."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    # Only x86 says its name there.
    named = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    cores = f"{os.cpu_count()} cores of {next(named, platform.machine())}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}"
    versions = [f"boto3 {version('boto3')}", f"AWS CLI {version('awscli')}", f"Python {platform.python_version()}"]
    versions.append(f"Node.js {first_line('node', '--version')[1:]}")
    versions.append(f"curl {first_line('curl', '--version').split()[1]}")
    versions.append(f"ffmpeg {first_line('ffmpeg', '-version').split()[2]}")
    return f"{cores}, {memory:.0f} GiB, {system}, load {figures.load} at the start. {', '.join(versions)}."


def summary(figures, judged):
    """What the project's README shows."""
    parts = [machine(figures)]
    for case in filter(None, [figures.case("100 MB", "https"), figures.case("10 minutes", "https")]):
        parts.append(tables.brief(case))
    parts += ["What the project wants of these figures, and whether it has it:", judged]
    return "\n\n".join(parts) + "\n"


def written(figures, judged, node_modules, picture):
    """All of it."""
    parts = ["# What an export costs", machine(figures)]
    if figures.quick:
        parts.append("Made by `make bench BENCH=--quick`: a look, no proof.")
    parts += ["`benches/README.md` says how it is measured and what the figures mean.", "## Goals", judged]
    if picture:
        parts.append("![CPU, wall time and memory](bench.png)")
    parts.append("## Side by side")
    for case in figures.cases:
        parts += [f"### {case}", tables.comparison(case)]
    for case in filter(None, [figures.case("100 MB", "https"), figures.case("10 minutes", "https")]):
        parts += [f"What was asked of AWS for {case}:", tables.calls(case)]
    parts += ["What has to be deployed, interpreters aside:", tables.packages(packages(figures, node_modules))]
    # Where the processor decides, and where the network does.
    slow = [case for case in figures.cases if case.network == "slow camera"]
    for case in filter(None, [figures.case("100 MB", "https"), *slow]):
        parts += [f"## Cost: {case}", cost.costs(case)]
    if figures.memory:
        parts += ["## Memory", tables.memory(figures), "Stages of the longest, as its metrics say; they overlap:"]
        parts.append(tables.stages(figures))
    if figures.starts:
        starts = sorted(start * 1e3 for start in figures.starts)
        middle, worst = starts[len(starts) // 2], starts[-1]
        parts.append("## Cold start")
        parts.append(f"To the first request for an event: {middle:.1f} ms, {worst:.1f} at worst of {len(starts)}.")
    parts += ["## A day, its tables alone", tables.day(figures)]
    parts.append(f"Planning 43,200 fragments takes {figures.day['planning'] * 1e3:.1f} ms.")
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--assert", action="store_true", dest="must")
    parser.add_argument("--node-modules", required=True)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    figures = Figures(arguments.folder)
    picture = plot.draw(figures, arguments.folder / "bench.png")
    judged, met = goals.judged(figures)
    text = written(figures, judged, arguments.node_modules, picture)
    (arguments.folder / "README.md").write_text(text, "utf-8")
    (arguments.folder / "summary.md").write_text(summary(figures, judged), "utf-8")
    print(text)
    sys.exit(1 if arguments.must and not met else 0)


if __name__ == "__main__":
    main()
