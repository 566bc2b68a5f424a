"""The course in a folder of somebody's own: what is new comes in, what they have changed stays."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Dict, Iterator, List

from .._notebooks import Written, free_name, lessons, read_source, roles, strip_solutions, write_notebook
from ._shell import Failure

__all__ = ["Copying"]

#: In the folder: what the files that are no notebooks were when they were copied. (A notebook has that in itself.)
_RECORD = ".brokerless-course.json"


class Copying:
    """Copies the course from `sources` into `folder`; with `force` also over what was changed, which is kept aside."""

    def __init__(self, sources: Path, folder: Path, *, solutions: bool, force: bool) -> None:
        self._sources = sources
        self._folder = folder
        self._solutions = solutions
        self._force = force
        self._copied: Dict[str, str] = {}
        self._done: Dict[Written, List[str]] = {written: [] for written in Written}

    def run(self) -> None:
        """Copy everything, and print what was done."""
        notebooks = lessons(self._sources) + roles(self._sources)
        if not notebooks:
            raise Failure(f"the course is not in this installation of brokerless: {self._sources} has no notebooks")
        if self._folder.resolve() == self._sources.resolve():
            raise Failure(f"{self._folder} has the course's sources: take another folder", code=2)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._copied = self._read_record()
        for source in notebooks:
            self._notebook(source)
        for source in self._other_files():
            self._file(source)
        (self._folder / _RECORD).write_text(json.dumps(self._copied, indent=1, sort_keys=True), encoding="utf8")
        self._tell()

    def _notebook(self, source: Path) -> None:
        notebook = read_source(source)
        if not self._solutions:
            strip_solutions(notebook)
        name = source.relative_to(self._sources).with_suffix(".ipynb")
        self._done[write_notebook(notebook, self._folder / name, replace=self._force)].append(str(name))

    def _other_files(self) -> Iterator[Path]:
        for pattern in ("images/*.svg", "roles/*.md"):
            yield from sorted(self._sources.glob(pattern))

    def _file(self, source: Path) -> None:
        name = str(source.relative_to(self._sources))
        target = self._folder / name
        # The sources' own links lead to sources; here are notebooks.
        content = source.read_bytes().replace(b".py)", b".ipynb)") if source.suffix == ".md" else source.read_bytes()
        wanted = _digest(content)
        written = Written.NEW
        if target.exists():
            present = _digest(target.read_bytes())
            if present == wanted:
                written = Written.SAME
            elif self._copied.get(name) == present:
                written = Written.UPDATED
            elif self._force:
                shutil.move(str(target), str(free_name(target)))
                written = Written.REPLACED
            else:
                written = Written.YOURS if self._copied.get(name) == wanted else Written.KEPT
        self._done[written].append(name)
        if written in (Written.NEW, Written.UPDATED, Written.REPLACED):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if written is not Written.KEPT:
            self._copied[name] = wanted

    def _read_record(self) -> Dict[str, str]:
        try:
            record = json.loads((self._folder / _RECORD).read_text(encoding="utf8"))
        except (FileNotFoundError, ValueError):
            # Without it whatever differs counts as changed, and stays.
            return {}
        return record if isinstance(record, dict) else {}

    def _tell(self) -> None:
        done = self._done
        brought = [
            f"{len(done[written])} {written.value}" for written in (Written.NEW, Written.UPDATED) if done[written]
        ]
        print(f"The course is in {self._folder}: {', '.join(brought) or 'nothing was to be copied'}")
        if done[Written.YOURS]:
            print(f"Yours, and untouched: {', '.join(done[Written.YOURS])}")
        if done[Written.KEPT]:
            print(f"Kept as they are, though the course has others (see --force): {', '.join(done[Written.KEPT])}")
        if done[Written.REPLACED]:
            print(f"Fresh again, with yours beside them as NAME.yours-1: {', '.join(done[Written.REPLACED])}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
