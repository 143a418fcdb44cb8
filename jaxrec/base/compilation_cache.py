"""Keeps compiled programs from run to run, by JAX's persistent compilation cache: a second start compiles nothing.

JAX finds a program by a hash of the computation, the compiler's options, the version of jaxlib and the kind of device.
A program for a CPU may hold instructions that another CPU lacks, and a home folder may be shared by machines of several
kinds, so the programs of each kind of CPU have a subfolder of their own.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from pathlib import Path

VARIABLE = "JAX_COMPILATION_CACHE_DIR"  # JAX's own; where it is set, it is left to the user
MAX_BYTES = 2**30  # of compiled programs per kind of CPU; beyond that those that were unused for longest are dropped
_UNFINISHED_SECONDS = 60.0  # writing one program takes less


def user_folder() -> Path:
    """Returns the folder for compiled programs below the user's cache folder, where this platform has that one.

    Raises:
      RuntimeError: the user has no home folder.
    """
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "jaxrec" / "compiled"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "jaxrec" / "compiled"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "jaxrec" / "compiled"


def cpu_kind() -> str:
    """Returns a short hash of what this machine's CPUs are and which instructions they have."""
    described = {platform.machine(), platform.processor()}
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        described |= {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
    return hashlib.sha256("\n".join(sorted(described)).encode()).hexdigest()[:12]


def keep_programs(folder: Path | None = None) -> str:
    """Makes JAX keep every program that this process compiles, and take those that earlier processes kept.

    To be called before anything is compiled. A folder that cannot be written is no error: everything is then compiled
    as if there were no cache.

    Args:
      folder: where to keep them; None is `user_folder()`.

    Returns:
      Why nothing is kept, in one line; empty where programs are kept.
    """
    try:
        programs = (folder or user_folder()) / f"{platform.machine() or 'cpu'}-{cpu_kind()}"
        programs.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_unfinished(programs)
    except (OSError, RuntimeError) as error:
        return f"compiled programs are not kept: {error}"
    if not os.access(programs, os.W_OK):
        return f"compiled programs are not kept: {programs} cannot be written"
    import jax

    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return ""


def keep_nothing() -> None:
    """Makes JAX compile everything anew and keep nothing, whatever its environment variables say."""
    import jax

    jax.config.update("jax_enable_compilation_cache", False)


def _remove_unfinished(folder: Path) -> None:
    """Removes the programs that a killed process began to write: they have no time of last use yet, which JAX writes
    afterwards, and without which it can neither read nor drop them."""
    for program in folder.glob("*-cache"):
        used = program.with_name(f"{program.name.removesuffix('-cache')}-atime")
        if not used.exists() and time.time() - program.stat().st_mtime > _UNFINISHED_SECONDS:
            program.unlink(missing_ok=True)
