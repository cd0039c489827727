#!/usr/bin/env bash
# Builds the portal from npm into dist/portal, which go:embed takes into the binary.
# Where there is no npm, or its packages cannot be fetched, it says so and goes on: a
# node built then serves a page that says how to build the portal.
set -uo pipefail
cd "$(dirname "$0")/.."

later() {
	echo "web/ui: $1: the node is built without the portal" >&2
	exit 0
}
command -v npm >/dev/null || later "no npm here"

# The packages of the lockfile, once.
stamp=node_modules/.manx-lock
if ! cmp -s package-lock.json "$stamp"; then
	log=$(mktemp)
	if ! npm ci --no-audit --no-fund --ignore-scripts >"$log" 2>&1; then
		tail -n 5 "$log" >&2
		rm -f "$log"
		later "npm ci failed"
	fi
	rm -f "$log"
	cp package-lock.json "$stamp"
fi

# What the build reads, by content: the page, and the Go tree under the module.
now=$( (cat package-lock.json package.json index.html tsconfig.json vite.config.ts; find src public scripts -type f -not -path 'src/made/*' -print0 | sort -z | xargs -0 cat
	"${GO:-go}" version; cd ../.. && GOOS=js GOARCH=wasm "${GO:-go}" list -tags credit -deps -f '{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}' ./cmd/manx-wasm | cat - <(ls cmd/manx-wasm/*.go) | sort -u | xargs -d '\n' cat 2>/dev/null) | sha256sum)
if [ -f dist/portal/index.html.gz ] && [ "$(cat node_modules/.portal-sum 2>/dev/null)" = "$now" ]; then
	exit 0
fi
set -e
npm run --silent build
echo "$now" >node_modules/.portal-sum
