#!/usr/bin/env bash
# Installs the Debian packages that some tests need or compare against, where that
# is possible: as root, with apt-get, and only those that are missing. Elsewhere it
# says what is missing and goes on: the tests that need them are skipped.
set -uo pipefail

# Orthanc: de-identification; dicom3tools: dciodvfy, the conformance of what we write;
# PostgreSQL: its programs alone, each test makes a cluster of its own; qemu: encrypted
# results on another processor; z3: a second opinion on contracts; chromium and fonts
# with Chinese letters: the portal as people see it.
missing=()
for package in orthanc dicom3tools postgresql qemu-user-static z3 chromium fonts-noto-cjk; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

later() {
	echo "test/setup.sh: $1: tests that need ${missing[*]} are skipped" >&2
	exit 0
}
[ "$(id -u)" -eq 0 ] || later "not root"
command -v apt-get >/dev/null || later "no apt-get here"

# Packages must not start services: Orthanc would listen on every interface.
made=()
trap 'rm -f "${made[@]}"' EXIT
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	made+=("$policy")
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || later "$policy cannot be written"
fi
# Nor may PostgreSQL's make a cluster for the machine.
cluster=/etc/postgresql-common/createcluster.d/manx.conf
if [ ! -e "$cluster" ]; then
	made+=("$cluster")
	mkdir -p "${cluster%/*}" && echo 'create_main_cluster = false' >"$cluster" || later "$cluster cannot be written"
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
echo "test/setup.sh: installing ${missing[*]}" >&2
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
	tail -n 5 "$log" >&2
	rm -f "$log"
	later "apt-get failed"
fi
rm -f "$log"
