"""Compiled programs are found again by the next process, apart for each kind of CPU, and never stand in the way."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from jaxrec.base import compilation_cache


def _cpuinfo() -> str:
    file = Path("/proc/cpuinfo")
    return file.read_text() if file.is_file() else ""


PROGRAM = """
import sys
from pathlib import Path
from jaxrec.base import compilation_cache
assert compilation_cache.keep_programs(Path(sys.argv[1])) == ""
import jax, jax.numpy as jnp
counts = {}
jax.monitoring.register_event_listener(lambda event, **_: counts.update({event: counts.get(event, 0) + 1}))
print(jax.jit(lambda x: jnp.sin(x).sum())(jnp.arange(8.0)))
hits = counts.get("/jax/compilation_cache/cache_hits", 0)
print(hits, counts["/jax/compilation_cache/compile_requests_use_cache"] - hits)
"""


def test_the_second_process_compiles_nothing(run_python, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    (first, found, compiled), (second, found_then, compiled_then) = (
        run_python([str(script), str(tmp_path / "kept")]).stdout.split() for _ in range(2)
    )
    assert first == second and found == "0" and compiled_then == "0"
    assert int(found_then) == int(compiled) > 0


@pytest.fixture
def settings(monkeypatch):
    """What would be set in JAX, which this process must not take over."""
    import jax

    made = {}
    monkeypatch.setattr(jax.config, "update", made.__setitem__)
    return made


def test_what_is_kept_is_bounded_and_everything_is_kept(settings, tmp_path):
    assert compilation_cache.keep_programs(tmp_path) == ""
    assert Path(settings["jax_compilation_cache_dir"]).parent == tmp_path
    assert settings["jax_compilation_cache_max_size"] == compilation_cache.MAX_BYTES > 0
    assert settings["jax_persistent_cache_min_compile_time_secs"] == 0.0


def test_another_kind_of_cpu_has_a_folder_of_its_own(settings, tmp_path, monkeypatch):
    compilation_cache.keep_programs(tmp_path)
    here = settings["jax_compilation_cache_dir"]
    monkeypatch.setattr(compilation_cache, "cpu_kind", lambda: "another")
    compilation_cache.keep_programs(tmp_path)
    assert settings["jax_compilation_cache_dir"] != here


@pytest.mark.skipif(" sse2 " not in _cpuinfo(), reason="reads what Linux says of a CPU of the x86 family")
def test_the_kind_of_cpu_depends_on_its_instructions(monkeypatch):
    here = compilation_cache.cpu_kind()
    assert here == compilation_cache.cpu_kind()
    read = Path.read_text
    fewer = lambda path, **options: read(path, **options).replace("sse2", "")  # noqa: E731
    monkeypatch.setattr(Path, "read_text", fewer)
    assert compilation_cache.cpu_kind() != here


def test_a_folder_that_cannot_be_written_is_no_error(settings, tmp_path):
    (tmp_path / "file").write_text("")
    complaint = compilation_cache.keep_programs(tmp_path / "file" / "cache")
    assert "not kept" in complaint and str(tmp_path) in complaint and "\n" not in complaint
    assert not settings


def test_no_home_folder_is_no_error(settings, monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", nowhere)
    assert "not kept" in compilation_cache.keep_programs() and not settings


def test_what_a_killed_process_began_to_write_goes(settings, tmp_path):
    compilation_cache.keep_programs(tmp_path)
    programs = Path(settings["jax_compilation_cache_dir"])
    for name in ("whole-cache", "whole-atime", "cut-cache", "being_written-cache"):
        (programs / name).write_bytes(b"12345678")
    long_ago = time.time() - 3600
    for name in ("whole-cache", "cut-cache"):
        os.utime(programs / name, (long_ago, long_ago))
    compilation_cache.keep_programs(tmp_path)
    assert {path.name for path in programs.iterdir()} == {"whole-cache", "whole-atime", "being_written-cache"}


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, "HOME/.cache/jaxrec/compiled"),
        ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere/jaxrec/compiled"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, "HOME/.cache/jaxrec/compiled"),
        ("darwin", {}, "HOME/Library/Caches/jaxrec/compiled"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/jaxrec/compiled"),
        ("win32", {}, "HOME/AppData/Local/jaxrec/compiled"),
    ],
)
def test_the_user_s_folder_is_where_the_platform_has_caches(system, variables, expected, monkeypatch):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert str(compilation_cache.user_folder()) == expected.replace("HOME", str(Path.home()))
