"""Settings of every test: a CPU, strict shapes, one compilation cache per run, real data only where they are."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
_CACHE = "JAX_COMPILATION_CACHE_DIR"

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # an accelerator's sums differ from run to run
# Compiling is most of what the suite does, part of it for speed that tests this small never see.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if version("jax").startswith("0.10."):  # a quarter of the suite's time less; a flag later versions refuse
    os.environ["XLA_FLAGS"] = f"--xla_cpu_use_fusion_emitters=false {os.environ.get('XLA_FLAGS', '')}".strip()


def pytest_configure(config: pytest.Config) -> None:
    """One cache for this process, the workers of pytest-xdist and every command a test starts: each compiles once."""
    if _CACHE not in os.environ:
        config.stash[_cache_key] = os.environ[_CACHE] = tempfile.mkdtemp(prefix="jaxrec-compiled-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")


_cache_key = pytest.StashKey[str]()


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_cache_key, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[_CACHE]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with one folder per real dataset; the test is skipped where there is none."""
    folder = Path(os.environ.get("JAXREC_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here; name their folder in JAXREC_DATA")
    return folder


@pytest.fixture(scope="session")
def run_python():
    """`run_python(code or [arguments], devices=1, check=True)`: a fresh Python at the repository root, fake devices."""

    def run(program: str | list[str], *, devices: int = 1, check: bool = True, timeout: float = 300.0, **environment):
        arguments = ["-c", program] if isinstance(program, str) else program
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(REPOSITORY), **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            pytest.fail(f"exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    return run


@pytest.fixture
def free_address() -> str:
    """An address of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
