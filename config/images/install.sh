#!/bin/sh
# Makes /opt/environment from a lock: install.sh LOCK SHA-256-OF-THE-LOCK
# The lock stays in it: Retrainer writes its digest on every model version.
set -eu

lock=$1 expected=$2
environment=/opt/environment

echo "$expected  $lock" | sha256sum --check --quiet || {
    echo "error: $lock is not the one that was signed off: its SHA-256 is $(sha256sum "$lock" | cut -d' ' -f1)" >&2
    echo "hint: once the change was looked at, write this digest into the Dockerfile" >&2
    exit 1
}
# The base's own Python: that of the environment comes first on the PATH, and has no pip.
/usr/local/bin/python3 -m venv --without-pip "$environment"
pip() {
    /usr/local/bin/python3 -m pip --disable-pip-version-check --no-cache-dir --python "$environment/bin/python" "$@"
}
# The lock is all there is to install: pip has nothing to choose. Wheels only, so that no stage needs a compiler.
pip install --quiet --no-deps --no-compile --only-binary :all: --require-hashes --requirement "$lock"
pip check
install -m 644 "$lock" "$environment/requirements.lock"

packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo /opt/retrainer/include >"$packages/retrainer.pth"
# LightGBM links the system's OpenMP, which the base does not have: it gets the one that comes with scikit-learn.
for library in "$packages"/scikit_learn.libs/libgomp-*.so.*; do
    [ ! -e "$library" ] || ln -s "$library" "$environment/lib/libgomp.so.1"
done
# Never compared with the source's time: a copy of other times keeps its bytecode, and every build makes the same.
"$environment/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$packages"
