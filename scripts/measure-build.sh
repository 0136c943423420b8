#!/usr/bin/env bash
# Measures the first build: CPU seconds (user + sys) of a cold `make demo` and of a cold release build of `assize`, each in a fresh
# clone of the last commit with an empty target directory; how many crates each compiles; lines of each crate of the workspace.
# Crates and npm packages are fetched before, so the network is not measured. Run it on an idle machine.
set -euo pipefail
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet "$root" "$work/assize"
cd "$work/assize"
unset CARGO_TARGET_DIR
cargo fetch --locked --quiet
make node_modules/.package-lock.json >/dev/null

cpu() { # LABEL COMMAND…
  local label=$1 TIMEFORMAT='%U %S %R'
  shift
  { time "$@" >"$work/log" 2>&1; } 2>"$work/time" || { tail -30 "$work/log" >&2; exit 1; }
  awk -v label="$label" '{ printf "%-34s %8.0f s CPU (user %.0f, sys %.0f), %.0f s elapsed\n", label, $1 + $2, $1, $2, $3 }' "$work/time"
}

crates() { # PACKAGE
  local count
  count=$(cargo tree --locked --package "$1" --edges normal,build --prefix none --format '{p}' | cut -d' ' -f1,2 | sort -u | grep -c .)
  printf '%-34s %8d crates\n' "$1" "$count"
}

echo "commit $(git rev-parse --short HEAD), $(date -u +%FT%RZ), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
rustc --version
cpu 'make demo, cold' make demo
cpu '  of which the demo, warm' make demo
rm -rf target
cpu 'cargo build --release -p assize-cli' cargo build --locked --release -p assize-cli
crates assize-lab
crates assize-cli
echo
echo 'lines of Rust, by crate (src, tests, benches, examples)'
for crate in crates/*/; do
  printf '%-34s %8d\n' "$(basename "$crate")" "$(find "$crate" -name '*.rs' -print0 | xargs -0 cat | wc -l)"
done
printf '%-34s %8d\n' 'sum' "$(find crates tests -name '*.rs' -print0 | xargs -0 cat | wc -l)"
