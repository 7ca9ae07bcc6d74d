# Sourced by the other scripts: makes .venv on first use, or after pyproject.toml or the constraints changed, and
# activates it. Installs the versions that the tests passed with, or where one of them isn't to be had, the newest allowed.
# EXTRAS names the extras to install. PYTHON may name another interpreter (3.11 or newer).

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if command -v uv >/dev/null; then installer=uv; else installer=pip; fi

install() {
    if [ "$installer" = uv ]; then
        VIRTUAL_ENV=.venv uv pip install --quiet "$@"
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

make_environment() {
    echo "Making the environment in .venv with $installer (once; a few minutes) …"
    # The version this was tested with. TORCH=torch takes the newest, TORCH=… any other requirement.
    local torch=${TORCH:-"torch==2.13.0"}
    if [ "$installer" = uv ]; then
        uv venv --quiet --seed --allow-existing --python "${PYTHON:->=3.11}" .venv
        # The build for this machine's GPU, or the much smaller one for the CPU, where PyTorch's own index answers.
        install --torch-backend=auto "$torch" 2>/dev/null || install "$torch"
    else
        "${PYTHON:-python3}" -m venv .venv
        install "$torch"
    fi
    install -c scripts/constraints.txt -e ".[$EXTRAS]" || install -e ".[$EXTRAS]"
}

wanted="$EXTRAS $(cat pyproject.toml scripts/constraints.txt | cksum)"
if [ "$(cat ".venv/.xsns-$EXTRAS" 2>/dev/null)" != "$wanted" ]; then
    make_environment
    echo "$wanted" >".venv/.xsns-$EXTRAS"
fi
export PATH="$PWD/.venv/bin:$PATH" HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
