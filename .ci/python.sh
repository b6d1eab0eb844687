# What ./demo and ./check share: finding a Python, making an environment, installing into it.  Sourced, not run.

usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# The first usable one of the names given; PYTHON names another.
pick_python() {
    local candidate
    for candidate in ${PYTHON:-"$@"}; do
        if usable "$candidate"; then echo "$candidate"; return; fi
    done
    for candidate in ${PYTHON:-"$@"}; do
        if new_enough "$candidate"; then
            echo "$candidate has no venv module (on Debian and Ubuntu: apt install python3-venv)" >&2
            return 1
        fi
    done
    echo "no Python of version 3.11 or newer was found (name one: PYTHON=... $0)" >&2
    return 1
}

# make_environment FOLDER PYTHON...: an environment, made of the first usable Python where it is not there yet.
make_environment() {
    local folder=$1 chosen
    shift
    if ! usable "$folder/bin/python"; then
        if [[ -e $folder && $folder != .venv-* ]]; then
            echo "$folder is no environment of Python 3.11 or newer; it is left as it is" >&2
            return 1
        fi
        chosen=$(pick_python "$@")
        echo "making $folder with $("$chosen" --version), once"
        "$chosen" -m venv --clear "$folder"
    fi
    "$folder/bin/python" -m pip --version >/dev/null 2>&1 || "$folder/bin/python" -m ensurepip >/dev/null
}

# install FOLDER REQUIREMENT...: a dropped connection is no failure of ours, so pip may try again.
install() {
    local folder=$1
    shift
    if "$folder/bin/python" -m pip install --disable-pip-version-check --progress-bar off --retries 3 "$@" |
        sed -n 's/^Collecting \([^ ]*\).*/  \1/p; s/^\(Installing collected\|Successfully\).*/  \1 .../p'; then return; fi
    echo "the packages could not be installed (pip's own words stand above). Without a network, run this once where" >&2
    echo "there is one; with a package mirror, set PIP_INDEX_URL. What was done so far is kept in $folder." >&2
    return 1
}

# stale FILE: whether what is installed is older than what asks for it.
stale() { [[ ! -f $1 || pyproject.toml -nt $1 || wengert/version.py -nt $1 ]]; }
