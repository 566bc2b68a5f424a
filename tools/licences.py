"""Writes licenses/: the terms of all that is linked into the extension, which every wheel and every sdist carries.

    python -m tools.licences           # after Cargo.lock or zig's version has changed
    python -m tools.licences --check   # only says what is not as it should be

Of the Rust crates, those that end up in the module: neither what takes part in the build alone nor procedural macros, which
write code and stay outside. The texts are the ones that came with their sources.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "licenses"
CRATES = FOLDER / "rust-crates.txt"
SBOM = FOLDER / "linked.cdx.json"

# For crates that offer a choice, the licence under which they are used here, the first that there is a file of.
_FILES = (
    "LICENSE-MIT",
    "LICENSE-MIT.txt",
    "LICENSE.MIT",
    "LICENSE-MIT.md",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "COPYING",
)


def metadata() -> Dict[str, Any]:
    """cargo's picture of the crates that Cargo.lock names."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--features=python"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def linked(data: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The packages whose code is in the module on Linux, ours left out, by name."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    seen: Set[str] = set()
    waiting = [data["resolve"]["root"]]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for dependency in nodes[current]["deps"]:
            macro = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
            kinds = dependency["dep_kinds"]
            if not macro and any(kind["kind"] is None and _on_linux(kind["target"]) for kind in kinds):
                waiting.append(dependency["pkg"])
    found = [packages[name] for name in seen if packages[name]["source"] is not None]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def _on_linux(condition: str | None) -> bool:
    """Whether a dependency may be one on Linux: only what is plainly for elsewhere is left out."""
    elsewhere = r"windows|wasm|wasi|emscripten|redox|macos|apple|hermit|target_os = \"(?!linux)|miri|cygwin|uefi"
    return condition is None or not (re.search(elsewhere, condition) and "linux" not in condition)


def crates_text(packages: List[Dict[str, Any]]) -> str:
    """One text of them all; crates with the very same terms stand together."""
    groups: Dict[str, List[str]] = {}
    for package in packages:
        terms = _terms(Path(package["manifest_path"]).parent)
        line = f"{package['name']}: {package['license']}"
        names = groups.setdefault(terms, [])
        if line not in names:
            names.append(line)
        if package["name"] == "libc":  # by the same project, in the same words
            names.append("core, alloc, std (Rust's standard library): MIT OR Apache-2.0")
    parts = [f"{'=' * 80}\n" + "\n".join(names) + f"\n\n{terms.strip()}\n" for terms, names in groups.items()]
    intro = "These Rust crates are linked into the extension. Where there is a choice, they are used under the text shown.\n"
    return intro + "\n" + "\n".join(parts)


def _terms(folder: Path) -> str:
    for name in _FILES:
        if (folder / name).is_file():
            return (folder / name).read_text().replace("\r\n", "\n")
    raise LookupError(f"{folder} has no licence file that we know of")


def library_texts(data: Dict[str, Any]) -> Dict[str, str]:
    """The terms of what is no Rust, and the bill of materials that lists it, which maturin puts into wheels beside its own."""
    folders = {package["name"]: Path(package["manifest_path"]).parent for package in data["packages"]}
    versions = {package["name"]: package["version"] for package in data["packages"]}
    with tarfile.open(folders["libsodium-sys-stable"] / "LATEST.tar.gz") as tar:
        sodium, configure = (_member(tar, f"libsodium-stable/{name}") for name in ("LICENSE", "configure.ac"))
    sodium_version = _number(r"AC_INIT\(\[libsodium\],\[([\d.]+)\]", configure)
    zmq_version = _number(r"\+([\d.]+)$", versions["zeromq-src"])
    vendor = folders["zeromq-src"] / "vendor"
    sha1 = (vendor / "external" / "sha1" / "license.txt").read_text()
    texts = {
        "libzmq.txt": f"{(vendor / 'LICENSE').read_text().rstrip()}\n\n{'=' * 80}\nIn it, SHA-1:\n\n{sha1.strip()}\n",
        "libsodium.txt": f"{sodium.strip()}\n",
    }
    components = [
        _component("libzmq", zmq_version, "MPL-2.0", f"pkg:github/zeromq/libzmq@v{zmq_version}"),
        _component("libsodium", sodium_version, "ISC", f"pkg:github/jedisct1/libsodium@{sodium_version}-RELEASE"),
    ]
    zig = importlib.util.find_spec("ziglang")
    if zig is not None and zig.origin is not None:
        runtime = Path(zig.origin).parent / "lib" / "libcxx"
        texts["llvm-runtimes.txt"] = (runtime / "LICENSE.TXT").read_text()
        digits = _number(r"_LIBCPP_VERSION (\d{6})", (runtime / "include" / "__config").read_text())
        version = ".".join(str(int(digits[place : place + 2])) for place in (0, 2, 4))
        terms = "Apache-2.0 WITH LLVM-exception"
        components.append(_component("libc++", version, terms, f"pkg:github/llvm/llvm-project@llvmorg-{version}"))
        bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
        texts[SBOM.name] = json.dumps(bill, indent=2) + "\n"
    return texts


def _member(tar: tarfile.TarFile, name: str) -> str:
    file = tar.extractfile(name)
    if file is None:
        raise LookupError(f"{name} is not a file")
    return file.read().decode()


def _number(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise LookupError(f"nothing like {pattern} is where a version should be")
    return match.group(1)


def _component(name: str, version: str, terms: str, purl: str) -> Dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required",
        "licenses": [{"expression": terms}],
        "purl": purl,
    }


def wrong(data: Dict[str, Any]) -> Iterator[str]:
    """What in licenses/ is not what it would be if it were written now."""
    for name, text in {CRATES.name: crates_text(linked(data)), **library_texts(data)}.items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            yield name


if __name__ == "__main__":
    found = metadata()
    stale = list(wrong(found))
    if "--check" in sys.argv[1:]:
        if stale:
            raise SystemExit(f"licenses/ is out of date: {', '.join(stale)}. Run `python -m tools.licences`.")
    else:
        FOLDER.mkdir(exist_ok=True)
        CRATES.write_text(crates_text(linked(found)))
        for name, text in library_texts(found).items():
            (FOLDER / name).write_text(text)
        print(f"written: {', '.join(stale) or 'nothing new'}")
