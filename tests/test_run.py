"""Programs that python -m brokerless.run runs: as with plain python, but for the zmq that they get."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest

import brokerless


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., Any]:
    """python -m brokerless.run with these arguments, or plain python without `-m brokerless.run`, in the test's folder."""

    def run(*arguments: Any, plain: bool = False, options: Any = (), folder: Path = tmp_path) -> Any:
        command = [sys.executable, "-W", "error", *options, *([] if plain else ["-m", "brokerless.run"])]
        return subprocess.run(
            [*command, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=str(folder),
        )

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """A file with this code."""

    def write(code: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
        return path

    return write


FACTS = """
import sys, zmq
print(zmq.__name__, bool(zmq.__version__))
for name in ("__name__", "__file__", "__package__", "__cached__", "__builtins__", "__doc__"):
    print(name, globals()[name])
print(__spec__ and (__spec__.name, __spec__.origin), type(__loader__).__name__)
print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
"""


def alike(run_program: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run it by brokerless.run and by plain python: only the name of zmq may differ."""
    ours, theirs = (run_program(*arguments, plain=plain, **options) for plain in (False, True))
    assert ours.stdout.replace("brokerless True", "zmq True") == theirs.stdout
    assert ours.stderr == theirs.stderr
    assert ours.returncode == theirs.returncode
    return ours


def test_a_script_runs_as_with_python(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    path = script(FACTS, "folder/script.py")
    for named in (path, os.path.join("folder", "script.py")):
        done = alike(run_program, named, "one", "-m", "--help")
        assert done.stdout.startswith("brokerless True")
        assert done.returncode == 0
    link = path.parent.parent / "link.py"
    link.symlink_to(path)
    alike(run_program, link)


def test_a_script_imports_its_neighbours(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    script("import zmq\nname = zmq.__name__\n", "folder/neighbour.py")
    path = script("import neighbour\nprint(neighbour.name)\n", "folder/script.py")
    assert run_program(path).stdout == "brokerless\n"
    if sys.version_info >= (3, 11):
        assert "No module named 'neighbour'" in alike(run_program, path, options=["-P"]).stderr


def test_a_module_runs_as_with_python(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    script("", "package/__init__.py")
    script(FACTS, "package/module.py")
    script(FACTS + "from . import module\n", "package/__main__.py")
    for name in ("package.module", "package"):
        done = alike(run_program, "-m", name, "-m", "x")
        assert done.stdout.startswith("brokerless True")
        assert done.returncode == 0


def test_a_folder_and_an_archive_run(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    path = script(FACTS, "program/__main__.py")
    assert alike(run_program, path.parent, "x").stdout.startswith("brokerless True")
    archive = path.parent.with_suffix(".pyz")
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "__main__.py")
    assert alike(run_program, archive).stdout.startswith("brokerless True")


def test_pyzmqs_modules_run(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    script("import zmq.utils.jsonapi\n")
    done = run_program("-m", "zmq.utils.jsonapi")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No module named zmq.nothing" in run_program("-m", "zmq.nothing").stderr


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(7)",
        "raise SystemExit('a reason')",
        "raise SystemExit",
        "def fails():\n    1 / 0\nfails()",
        "try:\n    1 / 0\nexcept Exception as error:\n    raise ValueError('chained') from error",
        pytest.param(
            "import sys\nprint('no end'",
            marks=pytest.mark.skipif(sys.version_info < (3, 9), reason="its place is told differently before"),
        ),
        "import zmq\nraise KeyboardInterrupt",
        "import sys\nsys.excepthook = lambda *all: print(all[0].__name__, all[2].tb_lineno)\n1 / 0",
        "import atexit, pickle\nclass A: pass\natexit.register(lambda: print(type(pickle.loads(pickle.dumps(A())))))",
        "import os; os._exit(3)",
        "import missing_module",
    ],
)
def test_it_ends_as_with_python(run_program: Callable[..., Any], script: Callable[..., Path], code: str) -> None:
    alike(run_program, script(code))
    # A module's traceback has runpy's lines with python, and ours without them.
    ours, theirs = (run_program("-m", "script", plain=plain) for plain in (False, True))
    assert ours.returncode == theirs.returncode
    assert ours.stderr.splitlines()[-3:] == theirs.stderr.splitlines()[-3:]
    assert "run.py" not in ours.stderr


def test_a_thread_may_outlive_the_main_one(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    path = script("""
import threading
def late():
    threading.main_thread().join()
    print(name)
name = "still there"
threading.Thread(target=late).start()
""")
    assert alike(run_program, path).stdout == "still there\n"


def test_ctrl_c_ends_a_program_as_a_signal_does(script: Callable[..., Path]) -> None:
    path = script(
        "import zmq\n"
        "with zmq.Context() as ctx, ctx.socket(zmq.PULL) as s:\n"
        "    print(s.bind_to_random_port('tcp://127.0.0.1'), flush=True)\n"
        "    s.recv()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "brokerless.run", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    # Wherever it was when the signal came: in this program, and not in what runs it.
    assert f'File "{path}", line' in errors.splitlines()[1]
    assert errors.splitlines()[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "nothing to run"),
        (["-m"], 2, "-m needs a module"),
        (["-x", "script.py"], 2, "unknown option -x"),
        (["missing.py"], 2, "missing.py': [Errno 2] No such file or directory"),
        (["-m", "missing"], 1, "No module named missing"),
        (["-m", "missing.module"], 1, "No module named 'missing'"),
        (["-m", ".relative"], 1, "cannot find '.relative'"),
        (["-m", "tests_of_nothing.x.y"], 1, "No module named 'tests_of_nothing'"),
        (["-m", "brokerless._core"], 1, "no code object available for brokerless._core"),
        (["."], 1, "can't find '__main__' module in '.'"),
    ],
)
def test_what_cannot_be_run(run_program: Callable[..., Any], arguments: Any, status: int, text: str) -> None:
    done = run_program(*arguments)
    assert done.returncode == status
    assert done.stderr.startswith("brokerless.run: ")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_help(run_program: Callable[..., Any]) -> None:
    for option in ("-h", "--help"):
        done = run_program(option)
        assert done.returncode == 0
        assert "python -m brokerless.run SCRIPT" in done.stdout


def test_it_says_so_when_pyzmq_was_first(run_program: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "sitecustomize.py").write_text("import zmq\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(brokerless.__file__).parent.parent)]))
    done = run_program("script.py")
    assert done.returncode == 1
    assert "brokerless.run: brokerless cannot become zmq" in done.stderr


FAMILY = """
import multiprocessing, sys
import zmq

class Mine:
    made_of = zmq.__name__

def child(queue, mine, method):
    import zmq.utils.jsonapi
    queue.put((zmq.__name__, zmq.utils.jsonapi.__name__, mine.made_of, sys.argv[1:]))
    if method:
        start(method, queue, "")

def start(method, queue, next_method):
    process = multiprocessing.get_context(method).Process(target=child, args=(queue, Mine(), next_method))
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode

if __name__ == "__main__":
    method = sys.argv[1]
    queue = multiprocessing.get_context(method).Queue()
    start(method, queue, method)
    for _ in range(2):
        print(queue.get(timeout=20))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("as_module", [False, True])
def test_children_have_brokerless_too(
    run_program: Callable[..., Any], script: Callable[..., Path], method: str, as_module: bool
) -> None:
    """And so do theirs."""
    path = script(FAMILY, "family.py")
    done = run_program(*(["-m", "family"] if as_module else [path]), method)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [str(("brokerless", "brokerless.utils.jsonapi", "brokerless", [method]))] * 2


def test_a_pool_has_brokerless_too(run_program: Callable[..., Any], script: Callable[..., Path]) -> None:
    path = script("""
import concurrent.futures, multiprocessing
import zmq
def name(_):
    return zmq.__name__
if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
        print(*pool.map(name, range(4)))
""")
    done = run_program(path)
    assert (done.stdout, done.stderr) == ("brokerless " * 3 + "brokerless\n", "")
