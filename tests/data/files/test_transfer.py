"""The downloader against a server on 127.0.0.1 that can be told to misbehave."""

from __future__ import annotations

import hashlib
import socket

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import transfer
from tests.data import file_server

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with file_server.serving(CONTENT) as server:
        yield server


def fetch(server, target, path="/file", **options):
    options = {"attempts": 1, "wait": 0.0, "progress": False, **options}
    return transfer.fetch(server.url + path, target, **options)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_fetches_the_whole_file_and_leaves_nothing_else(server, tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    fetch(server, tmp_path / "file", size=len(CONTENT), checksum=f"sha256:{digest}")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]
    fetch(server, tmp_path / "file", size=len(CONTENT), checksum=f"sha256:{digest}")
    assert len(server.requests) == 1  # there already


def test_draws_a_bar(server, tmp_path, capsys):
    fetch(server, tmp_path / "file", progress=True)
    assert "1.00M/1.00M" in capsys.readouterr().err


def test_a_cut_connection_is_resumed_within_one_call(server, tmp_path):
    server.cuts = [300_000, 1, None]
    fetch(server, tmp_path / "file", attempts=3)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [None, "bytes=300000-", "bytes=300001-"]
    assert server.requests[1]["If-Range"] == '"v1"'


def test_a_cut_connection_is_resumed_by_a_later_call(server, tmp_path):
    server.cuts = [300_000, 200_000]
    with pytest.raises(
        JaxrecError, match="broke off 2 times.*500000 bytes are kept in .*file.part, the same command goes on"
    ):
        fetch(server, tmp_path / "file", attempts=2)
    assert names(tmp_path) == ["file.part", "file.part.etag"]
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]
    assert server.requests[-1]["Range"] == "bytes=500000-"


def test_a_file_that_changed_meanwhile_is_not_spliced(server, tmp_path):
    server.cuts = [300_000]
    with pytest.raises(JaxrecError):
        fetch(server, tmp_path / "file")
    server.content, server.etag = CONTENT[::-1], '"v2"'
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    server.ranges, server.cuts = False, [300_000]
    fetch(server, tmp_path / "file", attempts=2)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_was_whole_already_is_taken(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    fetch(server, tmp_path / "file", attempts=2)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size": 5}, "has 1048576 bytes where 5 are expected"),
        ({"checksum": "md5:" + "0" * 32}, "is not the file meant: md5 .* where 0+ is expected; nothing was kept"),
        ({"checksum": "sha256:" + "A" * 64}, "is not the file meant: sha256 .* where a+ is expected"),
    ],
)
def test_another_file_than_expected_leaves_nothing(server, tmp_path, options, complaint):
    with pytest.raises(JaxrecError, match=complaint):
        fetch(server, tmp_path / "file", **options)
    assert names(tmp_path) == []


def test_a_size_that_the_server_does_not_announce_is_checked_at_the_end(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:10])
    (tmp_path / "file.part.etag").write_text('"v1"')
    with pytest.raises(JaxrecError, match="1048576 bytes where 1048577 are expected"):
        fetch(server, tmp_path / "file", size=len(CONTENT) + 1)


def test_errors_of_the_server(server, tmp_path):
    with pytest.raises(JaxrecError, match="/missing cannot be fetched .404 Not Found.; check the address"):
        fetch(server, tmp_path / "file", "/missing", attempts=3)
    assert len(server.requests) == 1  # no use in trying again
    server.failures = [503, 429]
    fetch(server, tmp_path / "file", attempts=3)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_redirects_are_followed_to_http_only(server, tmp_path):
    fetch(server, tmp_path / "file", "/moved")
    assert (tmp_path / "file").read_bytes() == CONTENT
    with pytest.raises(JaxrecError, match="Redirection to url 'file:///etc/passwd' is not allowed"):
        fetch(server, tmp_path / "other", "/to-file")
    with pytest.raises(JaxrecError, match="leads to 'ftp://127.0.0.1/file', which is not http or https; not followed"):
        fetch(server, tmp_path / "other", "/to-ftp")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:,x", "127.0.0.1/a", "http://", "http://[x"]
)
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(JaxrecError, match="is no address to fetch from"):
        transfer.fetch(url, tmp_path / "file")


def test_a_checksum_must_be_one(tmp_path):
    with pytest.raises(JaxrecError, match="'sha256:12' is no checksum"):
        transfer.fetch("http://127.0.0.1/a", tmp_path / "file", checksum="sha256:12")


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
    with pytest.raises(JaxrecError, match="broke off 2 times .*refused.*; try again later"):
        transfer.fetch(url, tmp_path / "file", attempts=2, wait=0.0, progress=False)


def test_a_full_disk_is_no_broken_line(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    opened = type(tmp_path).open

    def open_full(self, mode="r", *rest, **more):
        file = opened(self, mode, *rest, **more)
        return type("Full", (), {"__enter__": lambda s: s, "__exit__": lambda s, *_: file.close(), "write": full})()

    monkeypatch.setattr(type(tmp_path), "open", open_full)
    with pytest.raises(JaxrecError, match=r"file\.part cannot be written \(No space left on device\)"):
        fetch(server, tmp_path / "file", attempts=5)
    assert len(server.requests) == 1
