#!/bin/sh
# Says which programs the build lacks and which package brings each, before a compiler's error has to.
#
#   tools/check_programs.sh [lint] [browser] [wheels] [--packages]
#
# Ends with 1 if something is missing; all of it is named at once. `lint` also looks for rustfmt and clippy, `browser` for
# Chromium, `wheels` does without Rust, which is fetched where it is missing; `--packages` prints only the Debian packages to
# install, for .ci/run. Plain sh: Python itself may be missing.

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
rust_needed=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
lint=no
browser=no
wheels=no
packages_only=no
missing=no

for argument in "$@"; do
    case $argument in
        lint) lint=yes ;;
        browser) browser=yes ;;
        wheels) wheels=yes ;;
        --packages) packages_only=yes ;;
        *) echo "usage: $0 [lint] [browser] [wheels] [--packages]" >&2; exit 2 ;;
    esac
done

has() { command -v "$1" >/dev/null 2>&1; }

# lacks WHAT WHY PACKAGE: something that a Debian package brings.
lacks() {
    missing=yes
    if [ "$packages_only" = yes ]; then
        echo "$3"
    else
        echo "missing: $1 ($2). On Debian, Ubuntu, Raspberry Pi OS or a Jetson: sudo apt install $3" >&2
    fi
}

# lacks_rust WHAT CURE: something that rustup brings; Debian's own Rust is often too old for us.
lacks_rust() {
    missing=yes
    [ "$packages_only" = yes ] || echo "missing: $1. $2" >&2
}

# at_least FOUND NEEDED: compares the first two numbers of two versions.
at_least() {
    found_major=${1%%.*}; found_rest=${1#*.}; found_minor=${found_rest%%.*}
    needed_major=${2%%.*}; needed_rest=${2#*.}; needed_minor=${needed_rest%%.*}
    [ "$found_major" -gt "$needed_major" ] ||
        { [ "$found_major" -eq "$needed_major" ] && [ "$found_minor" -ge "$needed_minor" ]; }
}

if ! has "$python"; then
    lacks "$python" "runs the course and the build" python3
    has python3 || lacks python3-venv "makes the virtual environment" python3-venv
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
    lacks "$python 3.8 or newer (this one is $("$python" -V 2>&1))" "runs the course and the build" python3
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    # Debian splits venv off, one package for each Python; plain python3 has a name without the number.
    case $(basename "$python") in
        python3.*) venv_package=$(basename "$python")-venv ;;
        *) venv_package=python3-venv ;;
    esac
    lacks "Python's venv module" "makes the virtual environment" "$venv_package"
fi

# ${CC%% *}: CC may be a command with arguments, such as "ccache gcc".
compiler=${CC:-cc}
has "${compiler%% *}" || lacks "the C compiler ${compiler%% *}" "compiles libsodium" gcc
compiler=${CXX:-c++}
has "${compiler%% *}" || lacks "the C++ compiler ${compiler%% *}" "compiles libzmq" g++
if [ "$browser" = yes ] && ! has "${CHROMIUM:-chromium}"; then
    lacks "${CHROMIUM:-chromium}" "the browser that opens the notebooks; CHROMIUM=/path/to/it names another" chromium
fi
has make || lacks make "runs these commands and libsodium's build" make

rustup_cure="Install Rust with rustup: https://rustup.rs"
for program in cargo rustc; do
    if [ "$wheels" = yes ]; then
        :
    elif has "$program"; then
        found=$("$program" --version 2>/dev/null | sed -n "s/^$program \([0-9]*\.[0-9]*\).*/\1/p")
        if [ -z "$found" ]; then
            lacks_rust "a working $program (\`$program --version\` fails)" "$rustup_cure"
        elif ! at_least "$found" "$rust_needed"; then
            lacks_rust "$program $rust_needed or newer (this one is $found)" "With rustup: rustup update. Else: $rustup_cure"
        fi
    elif [ -x "$HOME/.cargo/bin/$program" ]; then
        lacks_rust "$program in the PATH" "It is installed: run \`. \"\$HOME/.cargo/env\"\` in this shell first"
    else
        lacks_rust "$program, Rust $rust_needed or newer" "$rustup_cure"
    fi
done

if [ "$lint" = yes ] && has cargo; then
    cargo fmt --version >/dev/null 2>&1 || lacks_rust rustfmt "rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || lacks_rust clippy "rustup component add clippy"
fi

[ "$missing" = no ]
