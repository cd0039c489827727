#!/usr/bin/env bash
# Runs every fuzz target for a time: test/fuzz.sh [TIME [PACKAGE…]], 30s and all
# packages unless told. Go keeps what it found in its build cache, and a failing
# input in the package's testdata/fuzz, ready to be committed with its repair.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
shift || true

failed=()
while IFS=: read -r file line; do
	package=./$(dirname "$file")
	target=${line#func }
	target=${target%%(*}
	if [ $# -gt 0 ]; then
		wanted=no
		for p in "$@"; do [ "./${p#./}" = "$package" ] && wanted=yes; done
		[ $wanted = yes ] || continue
	fi
	echo "== $package $target"
	# Minimising an input can outlast the search for it: one try is enough.
	"${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x "$package" || failed+=("$package $target")
done < <(git ls-files -z '*_test.go' | xargs -0 grep -H '^func Fuzz' | sort)

[ ${#failed[@]} -eq 0 ] || { printf 'failed: %s\n' "${failed[@]}" >&2; exit 1; }
