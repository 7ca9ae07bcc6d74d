#!/usr/bin/env bash
# Tests what users type with the Hub in two environments: `lowest`, each library at its lower bound in pyproject.toml,
# and `newest`, the newest releases that its upper bounds allow. Slow: GBs to download at first, then most of an hour.
# Arguments go to pytest, for instance `bash scripts/try_versions.sh -k adapter`. Variables: VERSIONS=lowest tries
# only that one, TESTS names other test files, TORCH_LOWEST and TORCH_NEWEST other requirements of PyTorch (a build that
# is at hand), PYTHON another interpreter, XSNS_VERSIONS another folder for the environments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${XSNS_VERSIONS:-${TMPDIR:-/tmp}/xsns-versions}
tests=(tests/whole/test_hub_path.py tests/dataset/test_hub.py tests/text/test_hub_corpora.py tests/models/test_{checkpoints,embedded}.py
    tests/extraction/test_extraction.py tests/transfer/test_transfer.py tests/importance/test_families.py
    tests/scripts/test_{push_language,deploy_space}.py tests/space/test_{space,own_text}.py)
[ -z "${TESTS:-}" ] || read -ra tests <<<"$TESTS"
export HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1

# Each dependency as name==bound; the tools that only the tests use may be of any version.
bounds() {
    "$1" - <<'END'
import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
for line in project["dependencies"] + [line for extra in extras if extra != "test" for line in extras[extra]]:
    if line.startswith("xsns-hf["):
        continue
    name, bound = re.match(r"([\w-]+)(?:\[.*\])?[>=]=([\w.]+)", line).groups()
    print(f"{name}=={bound}")
END
}

# Makes or updates an environment, and says what it holds.
install() {
    local environment=$folder/$1 torch=${TORCH_NEWEST:-torch}
    local python=$environment/bin/python held=$environment/held.txt
    [ -x "$python" ] || "${PYTHON:-python3}" -m venv "$environment" || return
    bounds "$python" >"$environment/bounds.txt" || return
    : >"$held"
    if [ "$1" = lowest ]; then
        torch=${TORCH_LOWEST:-$(grep ^torch== "$environment/bounds.txt")}
        grep -v ^torch== "$environment/bounds.txt" >"$held"
    fi
    echo "Installing the $1 releases in $environment …"
    "$python" -m pip install --quiet --upgrade --upgrade-strategy eager -c "$held" "$torch" -e ".[test]" || return
    "$python" -m pip list --format freeze | tr A-Z_ a-z- >"$environment/installed.txt"
    tr A-Z_ a-z- <"$environment/bounds.txt" | sed 's/\(.*\)==.*/^\1==/' |
        grep -f - "$environment/installed.txt" | paste -sd ' ' | sed "s/^/$1: /"
}

said=() failed=0
mkdir -p "$folder"
for name in ${VERSIONS:-lowest newest}; do
    log=$folder/$name.log
    if ! install "$name"; then
        said+=("$name: not installed") failed=1
    elif PATH=$folder/$name/bin:$PATH pytest -n auto --dist loadgroup "${tests[@]}" "$@" 2>&1 | tee "$log"; then
        said+=("$name: $(tail -n1 "$log")")
    else
        said+=("$name FAILED: $(tail -n1 "$log")") failed=1
    fi
done
printf '%s\n' "${said[@]}"
exit "$failed"
