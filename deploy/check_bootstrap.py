"""Refuses a binary that provided.al2023 could not load.

    check_bootstrap.py FILE ARCHITECTURE GLIBC

Lambda takes any zip file; that its bootstrap is for the other processor, wants a newer glibc or a
shared library that is not there shows only when the function is called. So the build looks first.
"""

import sys

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

MACHINES = {"arm64": "EM_AARCH64", "x86_64": "EM_X86_64"}

# glibc's own, all that provided.al2023 is sure to have.
LIBRARIES = {
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
}


def version(text):
    return tuple(int(number) for number in text.split("."))


def faults(elf, architecture, glibc):
    machine = elf["e_machine"]
    if machine != MACHINES[architecture]:
        yield f"is built for {machine}; the function's Architecture is {architecture}"

    dynamic = elf.get_section_by_name(".dynamic")
    for tag in dynamic.iter_tags("DT_NEEDED") if dynamic else ():
        if tag.needed not in LIBRARIES:
            yield f"needs the shared library {tag.needed}"

    needs = elf.get_section_by_name(".gnu.version_r")
    for library, symbols in needs.iter_versions() if needs else ():
        for symbol in symbols:
            name, _, wanted = symbol.name.partition("_")
            if name == "GLIBC" and version(wanted) > version(glibc):
                yield f"needs glibc {wanted} of {library.name}; Lambda has {glibc}"


def main(path, architecture, glibc):
    with open(path, "rb") as file:
        try:
            found = list(faults(ELFFile(file), architecture, glibc))
        except ELFError as error:
            found = [f"is no ELF file: {error}"]
    for fault in found:
        print(f"{path} {fault}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
