from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import archives


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "inner" / "out"
    folder.mkdir(parents=True)
    return folder


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def make_tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for info, content in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def link_in_zip(name, mode=stat.S_IFLNK | 0o777):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_unpacks_files_in_folders(tmp_path, out, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(path, ("top/", ""), ("top/a.txt", b"one"), ("top/b/c.txt", b"two"))
    else:
        folder = special("top", tarfile.DIRTYPE)
        make_tar(path, (folder, b""), ("top/a.txt", b"one"), ("./top/b/c.txt", b"two"), mode=f"w:{kind[4:]}")
    archives.unpack(path, out)
    assert {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()} == {
        "top/a.txt": b"one",
        "top/b/c.txt": b"two",
    }


def test_a_single_gzip_file_and_a_plain_file_keep_their_names(tmp_path, out):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(b"a,b\n"))
    (tmp_path / "plain.csv").write_bytes(b"c,d\n")
    archives.unpack(tmp_path / "log.csv.gz", out)
    archives.unpack(tmp_path / "plain.csv", out)
    assert (out / "log.csv").read_bytes() == b"a,b\n" and (out / "plain.csv").read_bytes() == b"c,d\n"


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/tmp/evil", "..", "a\\..\\..\\evil", "C:evil", "C:/evil", "evil\nname", "a/../b"],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_refuses_names_that_point_elsewhere(tmp_path, out, kind, name):
    make = make_zip if kind == "zip" else make_tar
    path = make(tmp_path / "a", ("fine", b"x"), (name, b"evil"))
    before = {p for p in tmp_path.rglob("*") if p.parent != out}
    with pytest.raises(JaxrecError, match="points elsewhere; it is not unpacked"):
        archives.unpack(path, out)
    assert {p for p in tmp_path.rglob("*") if p.parent != out} == before


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (special("a", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (special("a", tarfile.LNKTYPE, "fine"), "a link"),
        (special("a", tarfile.CHRTYPE), "a special file"),
        (special("a", tarfile.BLKTYPE), "a special file"),
        (special("a", tarfile.FIFOTYPE), "a special file"),
    ],
    ids=["symlink", "hardlink", "character device", "block device", "fifo"],
)
def test_refuses_links_and_devices_in_tar(tmp_path, out, member, kind):
    path = make_tar(tmp_path / "a.tar.gz", ("fine", b"x"), (member, b""))
    with pytest.raises(JaxrecError, match=f"holds 'a', {kind}; it is not unpacked"):
        archives.unpack(path, out)
    assert [p.name for p in out.iterdir()] == ["fine"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_refuses_links_and_devices_in_zip(tmp_path, out, mode):
    path = make_zip(tmp_path / "a.zip", (link_in_zip("a", mode), "/etc/passwd"))
    with pytest.raises(JaxrecError, match="a link|a special file"):
        archives.unpack(path, out)
    assert not list(out.iterdir())


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz"])
def test_refuses_more_bytes_than_allowed(tmp_path, out, kind):
    path, content = tmp_path / f"a.{kind}", b"0" * (1 << 20)
    if kind == "gz":  # says nothing of its size beforehand
        path.write_bytes(gzip.compress(content))
    else:
        (make_zip if kind == "zip" else make_tar)(path, ("a", content))
    with pytest.raises(JaxrecError, match="unpacks to more than is allowed"):
        archives.unpack(path, out, most_bytes=1 << 19)
    assert sum(p.stat().st_size for p in out.rglob("*")) <= 1 << 19
    assert kind == "gz" or not list(out.iterdir())  # the others give their size away before a byte is written
    (out / "a").unlink(missing_ok=True)
    archives.unpack(path, out, most_bytes=1 << 20)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_name_of_sixteen_megabytes_is_not_read(tmp_path, out, kind, packed):
    size, header = 1 << 24, special("name", kind)
    header.size = size
    content = header.tobuf(tarfile.USTAR_FORMAT) + bytes(size if packed else 512)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(JaxrecError, match="cannot be unpacked .a name in it claims 16,777,216 bytes"):
            archives.unpack(tmp_path / "a", out)
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def test_a_plain_file_that_begins_like_a_packed_one_is_copied(tmp_path, out):
    (tmp_path / "a.csv").write_bytes(b"BZhello,user\n")
    archives.unpack(tmp_path / "a.csv", out)
    assert (out / "a.csv").read_bytes() == b"BZhello,user\n"


def test_refuses_too_many_files(tmp_path, out, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    path = make_zip(tmp_path / "a.zip", ("a", b""), ("b", b""), ("c", b""))
    with pytest.raises(JaxrecError, match="more than 2 files"):
        archives.unpack(path, out)


def test_refuses_the_same_name_twice_and_a_file_as_folder(tmp_path, out):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_zip(tmp_path / "a.zip", ("a", b"1"), ("a", b"2"))
    with pytest.raises(JaxrecError, match="cannot be unpacked"):
        archives.unpack(path, out)
    assert (out / "a").read_bytes() == b"1"
    with pytest.raises(JaxrecError, match="cannot be unpacked"):
        archives.unpack(make_zip(tmp_path / "b.zip", ("b", b"1"), ("b/c", b"2")), out)


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(["zip", "tar", "tar.gz"]), data=st.data())
def test_damage_never_ends_in_another_exception(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("damage")
    path, out = folder / "a", folder / "out"
    out.mkdir()
    members = [("top/a.txt", b"one" * 50), ("top/b.txt", b"two")]
    make_zip(path, *members) if kind == "zip" else make_tar(path, *members, mode=f"w:{kind[4:]}")
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        archives.unpack(path, out)
    except JaxrecError as error:
        assert "\n" not in str(error)
    assert {p.name for p in folder.iterdir()} == {"a", "out"}
