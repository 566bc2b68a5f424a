"""What a compiled module asks of the system it is loaded on, and what it shows to it, read from the file itself."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import FrozenSet, List, Set, Tuple

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection

from tools.wheels.targets import GLIBC, Target

# glibc's own libraries, and its loader. No libstdc++ and no libgcc_s: what they would bring is linked in.
_LIBRARIES = re.compile(r"lib(c|pthread|dl|m|rt)\.so\.\d+|ld-linux-[a-z0-9-]+\.so\.\d+")
_MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
_PYTHONS = re.compile(r"_?Py[A-Z_a-z]")


@dataclass(frozen=True)
class Module:
    """A shared object, as the loader sees it."""

    machine: str
    needed: FrozenSet[str]
    versions: FrozenSet[str]
    exported: FrozenSet[str]
    undefined: FrozenSet[str]
    search_paths: FrozenSet[str]

    @property
    def glibc(self) -> Tuple[int, ...]:
        """The newest version of glibc that any symbol asks for; () if none does."""
        numbers = (re.fullmatch(r"GLIBC_(\d+(?:\.\d+)*)", version) for version in self.versions)
        return max((tuple(map(int, match.group(1).split("."))) for match in numbers if match), default=())

    @property
    def python_symbols(self) -> FrozenSet[str]:
        """What the interpreter has to have for this to be loaded."""
        return frozenset(name for name in self.undefined if _PYTHONS.match(name))


def read(content: bytes) -> Module:
    """Read a shared object; ELFError if it is none."""
    elf = ELFFile(io.BytesIO(content))
    needed: Set[str] = set()
    paths: Set[str] = set()
    versions: Set[str] = set()
    exported: Set[str] = set()
    undefined: Set[str] = set()
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.add(tag.needed)
                elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                    paths.add(getattr(tag, tag.entry.d_tag[3:].lower()))
        elif isinstance(section, GNUVerNeedSection):
            for _, auxiliaries in section.iter_versions():
                versions.update(auxiliary.name for auxiliary in auxiliaries)
        elif isinstance(section, SymbolTableSection) and section.name == ".dynsym":
            for symbol in section.iter_symbols():
                if symbol.name and symbol.entry.st_info.bind != "STB_LOCAL":
                    (undefined if symbol.entry.st_shndx == "SHN_UNDEF" else exported).add(symbol.name)
    return Module(
        machine=elf.header.e_machine,
        needed=frozenset(needed),
        versions=frozenset(versions),
        exported=frozenset(exported),
        undefined=frozenset(undefined),
        search_paths=frozenset(paths),
    )


def faults(module: Module, target: Target) -> List[str]:
    """What keeps this from being the module of a wheel for the target; [] if nothing does."""
    found = []
    if module.machine != _MACHINES[target.arch]:
        found.append(f"it is for {module.machine}, not for {target.arch}")
    newer = sorted(
        version
        for version in module.versions
        if not version.startswith("GLIBC_") or tuple(map(int, version[6:].split("."))) > GLIBC
    )
    if newer:
        found.append(f"it asks for {', '.join(newer)}, newer than GLIBC_{'.'.join(map(str, GLIBC))}")
    strange = sorted(name for name in module.needed if not _LIBRARIES.fullmatch(name))
    if strange:
        found.append(f"it needs {', '.join(strange)}, which must be linked in")
    if module.exported != {"PyInit__core"}:
        found.append(
            f"it exports {', '.join(sorted(module.exported)) or 'nothing'}, and PyInit__core alone should be seen"
        )
    if module.search_paths:
        found.append(f"it looks for libraries in {', '.join(sorted(module.search_paths))}")
    return found
