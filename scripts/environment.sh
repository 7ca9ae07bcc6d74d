# Sourced by the other scripts: makes .venv on first use, or after pyproject.toml changed, and activates it.
# EXTRAS names the extras to install. PYTHON may name another interpreter (3.11 or newer).

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if command -v uv >/dev/null; then installer=uv; else installer=pip; fi

make_environment() {
    echo "Making the environment in .venv with $installer (once; a few minutes) …"
    # The version this was tested with. TORCH=torch takes the newest, TORCH=… any other requirement.
    local torch=${TORCH:-"torch==2.13.0"}
    if [ "$installer" = uv ]; then
        uv venv --quiet --allow-existing --python "${PYTHON:->=3.11}" .venv
        # The build for this machine's GPU, or the much smaller one for the CPU, where PyTorch's own index answers.
        VIRTUAL_ENV=.venv uv pip install --quiet --torch-backend=auto "$torch" 2>/dev/null ||
            VIRTUAL_ENV=.venv uv pip install --quiet "$torch"
        VIRTUAL_ENV=.venv uv pip install --quiet -e ".[$EXTRAS]"
    else
        "${PYTHON:-python3}" -m venv .venv
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "$torch"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$EXTRAS]"
    fi
}

wanted="$EXTRAS $(cksum <pyproject.toml)"
if [ "$(cat ".venv/.xsns-$EXTRAS" 2>/dev/null)" != "$wanted" ]; then
    make_environment
    echo "$wanted" >".venv/.xsns-$EXTRAS"
fi
export PATH="$PWD/.venv/bin:$PATH" HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
