"""The command line of `python -m brokerless.kernel`: install, uninstall, list, or be a kernel."""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional

from ._install import DISPLAY_NAME, NAME, KernelError, install, installed, is_found, missing, uninstall

__all__ = ["run"]

_PROGRAM = "python -m brokerless.kernel"
_DESCRIPTION = f"""\
A Jupyter kernel whose own messages run on brokerless.

  install     add "{DISPLAY_NAME}" to Jupyter's kernels
  uninstall   take it away
  list        show where Jupyter finds it

{_PROGRAM} -f CONNECTION_FILE is the kernel itself, which Jupyter starts: it takes
all of ipykernel's options (see `python -m ipykernel --help-all`)."""


def run(arguments: Optional[List[str]] = None) -> int:
    """What main() of the package promises."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
            _be_a_kernel(arguments)
            return 0
    except KernelError as error:
        return _fail(str(error))
    options = _parser().parse_args(arguments)
    try:
        _manage(options)
    except KernelError as error:
        return _fail(str(error))
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        cure = " (--user installs for you alone)" if isinstance(error, PermissionError) else ""
        return _fail(f"{where}{error.strerror or error}{cure}")
    return 0


def _be_a_kernel(arguments: List[str]) -> None:
    """Be ipykernel with these arguments until it is shut down."""
    from .._alias import install_as_zmq
    from .._children import install_in_children

    try:
        # Before anything of Jupyter's can import zmq.
        install_as_zmq()
    except RuntimeError as error:
        raise KernelError(str(error)) from None
    install_in_children()
    try:
        from ipykernel import kernelapp
    except ModuleNotFoundError as error:
        if error.name != "ipykernel":
            raise
        raise missing(error) from None
    kernelapp.launch_new_instance(argv=arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM, description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    add = commands.add_parser("install", help="add the kernel to Jupyter's", description="Add the kernel to Jupyter's.")
    remove = commands.add_parser("uninstall", help="take it away", description="Take the kernel away from Jupyter's.")
    commands.add_parser(
        "list", help="show where it is", description="Show the kernels of brokerless that Jupyter finds."
    )
    for command in (add, remove):
        place = command.add_mutually_exclusive_group()
        place.add_argument("--user", action="store_true", help="for you: the default outside virtual environments")
        place.add_argument(
            "--sys-prefix",
            dest="prefix",
            action="store_const",
            const=sys.prefix,
            help="in this Python's environment: the default in a virtual one",
        )
        place.add_argument("--prefix", metavar="PATH", help="below PATH, in share/jupyter/kernels")
        command.add_argument("--name", default=NAME, help="what jupyter calls it (default: %(default)s)")
    add.add_argument("--display-name", metavar="TEXT", help=f'what people see (default: "{DISPLAY_NAME}")')
    add.add_argument("--force", action="store_true", help="replace another kernel of that name")
    return parser


def _manage(options: argparse.Namespace) -> None:
    if options.command == "list":
        return _list()
    place = {"user": options.user, "prefix": options.prefix, "name": options.name}
    if options.command == "uninstall":
        print(f"removed {uninstall(**place)}")
        return None
    folder = install(**place, display_name=options.display_name, force=options.force)
    print(f"installed {folder}")
    if not is_found(folder):
        print(f"Jupyter looks there only with JUPYTER_PATH={folder.parent.parent}", file=sys.stderr)
    return None


def _list() -> None:
    found = installed()
    if not found:
        print(f"Jupyter finds no kernel of brokerless: `{_PROGRAM} install` adds one")
    for folder, spec in found:
        print(f"{folder.name}  {spec.get('display_name')}  {folder}  ({spec['argv'][0]})")


def _fail(text: str) -> int:
    print(f"brokerless.kernel: {text}", file=sys.stderr)
    return 1
