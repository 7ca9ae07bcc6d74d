"""Several processes on a CPU, one a core: faster, and steadier on a busy machine, than one with several threads.

PyTorch's launcher starts them, as `torchrun` does, so that the command that runs in them
needs to know nothing about it. For GPUs or several machines use `accelerate launch`.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from xsns_hf.cli.starting import heavy_imports
from xsns_hf.processes import as_launcher, cores

MOST = 4
"""Processes started by default at most: each holds the model once."""


def default_number() -> int:
    """Return how many processes to start: one with a GPU, else one a core that this process may use."""
    # Asking torch would take seconds, since importing it does.
    if sys.platform == "darwin" or shutil.which("nvidia-smi") or shutil.which("rocm-smi"):
        return 1
    return min(cores(), MOST)


def run(arguments: Sequence[str], number: int) -> int:
    """Run an `xsns` command line, given without `xsns`, in several processes; see `run_command`."""
    return run_command([sys.executable, "-m", "xsns_hf", *arguments], number)


def run_command(command: Sequence[str], number: int) -> int:
    """Run a command in several processes on the CPU and wait for them; those of `xsns` end with this one in any case.

    Args:
        command: a program and its arguments.
        number: of processes, each with one thread; a single one is left the device and threads it finds.

    Returns:
        0, or the exit code of the first process that failed; the others are stopped then.
    """
    with as_launcher():
        code = _launched(command, number) if number > 1 else subprocess.run(command, check=False).returncode
    if code < 0:
        print(
            f"xsns: a process was killed by signal {-code}; if memory ran out, use fewer --processes.", file=sys.stderr
        )
    return abs(code)


def _launched(command: Sequence[str], number: int) -> int:
    """Run a command in several processes by PyTorch's launcher, the one of `torchrun`; return the exit code."""
    with heavy_imports():
        from torch.distributed.elastic.multiprocessing.api import SignalException
        from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
        from torch.distributed.launcher import LaunchConfig, elastic_launch

    os.environ |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "TOKENIZERS_PARALLELISM": "false"}
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=number,
        run_id="xsns",
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",  # any free port
        local_addr="127.0.0.1",
        max_restarts=0,
    )
    logging.disable(logging.ERROR)  # what goes wrong is said by the process in which it does
    try:
        elastic_launch(config, command[0])(*command[1:])
    except ChildFailedError as error:
        return error.get_first_failure()[1].exitcode
    except SignalException as error:  # Ctrl-C, or a scheduler's limit: it was passed on to the processes
        return 128 + error.sigval
    finally:
        logging.disable(logging.NOTSET)
    return 0
