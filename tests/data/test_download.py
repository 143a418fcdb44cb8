from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets, download
from jaxrec.data.datasets import coat, retailrocket
from tests.data import file_server, writers


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def fetch(root, monkeypatch, capsys):
    """Serves an archive, runs the command line, and returns (exit status, what it printed)."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("jaxrec.data.files.transfer.time.sleep", lambda seconds: None)

    def run(archive: bytes, *flags: str, name: str = "coat", cuts=()):
        with file_server.serving(archive) as server:
            server.cuts = list(cuts)
            url = f"{server.url}/{name}.zip?version=1"
            status = download.main([name, "--root", str(root), "--url", url, "--quiet", *flags])
        out, err = capsys.readouterr()
        return status, out + err

    return run


def official_coat(folder, *, per_user: int = 24) -> bytes:
    """An archive of random ratings in the official shape, one folder deep."""
    rng = np.random.default_rng(0)
    matrices = []
    for count in (per_user, 16):
        ratings = np.zeros((290, 300), int)
        for row in ratings:
            row[rng.choice(300, count, replace=False)] = rng.integers(1, 6, count)
        matrices.append(ratings)
    writers.coat(folder, *matrices, rng.integers(0, 2, (290, 14)), rng.integers(0, 2, (300, 33)))
    return zipped(
        {f"coat/{f}": (folder / "coat" / f).read_bytes() for f in coat.RELEASE.files} | {"coat/README.txt": b"hello"}
    )


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


def test_one_command_makes_the_dataset_loadable(root, fetch, tmp_path):
    archive = official_coat(tmp_path / "made")
    status, printed = fetch(archive, "--sha256", hashlib.sha256(archive).hexdigest())
    assert (status, printed) == (0, f"coat: 290 users, 300 items, 11600 rows in {root}\n")
    assert [p.name for p in root.iterdir()] == ["coat"]
    assert (root / "coat/README.txt").read_bytes() == b"hello"
    assert len(datasets.load("coat", root)) == 11_600
    assert fetch(b"not asked for")[0] == 0  # there already


def test_a_later_command_goes_on_after_a_cut_connection(root, fetch, tmp_path):
    archive = official_coat(tmp_path / "made")
    status, printed = fetch(archive, cuts=[1000, 10, 10, 10, 10])
    assert status == 1 and printed.startswith("error: ") and "1040 bytes are kept" in printed
    assert printed.count("\n") == 1
    assert sorted(p.name for p in root.iterdir()) == ["coat.coat.zip.part", "coat.coat.zip.part.etag"]
    assert fetch(archive)[0] == 0
    assert [p.name for p in root.iterdir()] == ["coat"]


def test_keep_leaves_the_archive(root, fetch, tmp_path):
    assert fetch(official_coat(tmp_path / "made"), "--keep")[0] == 0
    assert sorted(p.name for p in root.iterdir()) == ["coat", "coat.coat.zip"]


def evil_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        info = tarfile.TarInfo("coat/train.ascii")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: zipped({"../../evil": b"x"}), "'../../evil', which points elsewhere"),
        (lambda folder: evil_tar(), "a link; it is not unpacked"),
        (lambda folder: zipped({"coat/train.ascii": b"1 2\n"}), "does not hold train.ascii, test.ascii"),
        (lambda folder: official_coat(folder)[:-1000], "cannot be unpacked"),
        (lambda folder: b"<html>please log in</html>", "does not hold train.ascii"),
        (lambda folder: b"", "does not hold train.ascii"),
        (lambda folder: official_coat(folder, per_user=23), "6670 training rows where 6960 are expected"),
        (lambda folder: official_coat(folder, per_user=25), "7250 training rows where 6960 are expected"),
        (
            lambda folder: zipped(dict.fromkeys(coat.RELEASE.files, b"1 9\n")),
            "train.ascii line 1: value '9' is out of range",
        ),
    ],
    ids=["climbs out", "link", "other files", "truncated", "a page", "empty", "too few", "too many", "damaged"],
)
def test_a_bad_archive_leaves_nothing(root, fetch, tmp_path, make, complaint):
    archive = make(tmp_path / "made")
    before = {p for p in tmp_path.rglob("*") if p != root}
    status, printed = fetch(archive)
    assert status == 1 and complaint in printed and printed.startswith("error: ")
    assert printed.count("\n") == 1 and ".unpack-" not in printed
    assert list(root.iterdir()) == []
    assert {p for p in tmp_path.rglob("*") if p != root} == before


def test_a_wrong_checksum_leaves_nothing(root, fetch, tmp_path):
    status, printed = fetch(official_coat(tmp_path / "made"), "--sha256", "0" * 64)
    assert status == 1 and "is not the file meant: sha256" in printed
    assert list(root.iterdir()) == []


def gzipped_events() -> bytes:
    lines = ["timestamp,visitorid,event,itemid,transactionid"]
    lines += [f"{1_433_000_000_000 + n},{n % 2},view,{n % 3}," for n in range(6)]
    return gzip.compress("\n".join(lines).encode())


def test_files_may_stay_gzipped_and_are_found_again(root, fetch, monkeypatch):
    counts = {"users": 2, "items": 3, "train": 6, "test": 0}
    monkeypatch.setattr(retailrocket, "RELEASE", retailrocket.RELEASE._replace(counts=counts))
    archive = zipped({"archive/events.csv.gz": gzipped_events(), "archive/category_tree.csv": b"1,2\n"})
    for content in (archive, b"not asked for"):
        status, printed = fetch(content, name="retailrocket")
        assert (status, printed) == (0, f"retailrocket: 2 users, 3 items, 6 rows in {root}\n")
    assert sorted(p.name for p in (root / "retailrocket").iterdir()) == ["category_tree.csv", "events.csv.gz"]


@pytest.mark.parametrize("name", [n for n in datasets.names() if datasets.module(n).RELEASE])
def test_the_command_that_an_error_names_does_what_it_says(name, root, capsys, monkeypatch):
    """It fetches the release, or says how to have it; here from a server that has another file."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(JaxrecError) as error:
        datasets.load(name, root)
    command = str(error.value).partition("python -m jaxrec.data.download ")[2].split()
    assert command[:3] == [name, "--root", str(root)]
    release = datasets.module(name).RELEASE
    if release.agreement:
        assert command[3] == "--url" and download.main(command[:3]) == 1
        assert f"{release.agreement}: ask at {release.url}, then put " in capsys.readouterr().err
    with file_server.serving(zipped({"other.txt": b"x"})) as server:
        url = ["--url", f"{server.url}/archive.zip"]
        assert download.main([*command[:3], *url, "--quiet"]) == 1
    assert f"does not hold {', '.join(release.files)} in one folder" in capsys.readouterr().err


def test_an_incomplete_folder_is_not_written_into(root, fetch):
    (root / "coat").mkdir(parents=True)
    (root / "coat/train.ascii").write_text("mine")
    status, printed = fetch(b"")
    assert status == 1 and "move it away and try again" in printed
    assert (root / "coat/train.ascii").read_text() == "mine"


def test_what_cannot_be_fetched_says_why(root, capsys):
    assert download.main(["yahoo_r3", "--root", str(root)]) == 1
    assert "after its data sharing agreement is signed: ask at https://webscope" in capsys.readouterr().err
    assert download.main(["csv", "--root", str(root)]) == 1
    assert "dataset csv needs no download" in capsys.readouterr().err
    assert download.main(["coatt", "--root", str(root)]) == 1
    assert "did you mean 'coat'?" in capsys.readouterr().err
    assert download.main(["coat", "--root", str(root), "--url", "file:///etc/passwd"]) == 1
    assert "is no address to fetch from" in capsys.readouterr().err


def test_a_root_that_is_no_folder_is_named(root, capsys):
    root.write_text("")
    assert download.main(["coat", "--root", str(root), "--url", "http://127.0.0.1:9/coat.zip"]) == 1
    assert f"error: {root} cannot be written" in capsys.readouterr().err


def test_the_module_runs_as_a_command(root, run_python):
    done = run_python(["-m", "jaxrec.data.download", "nosuch", "--root", str(root)], check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: there is no dataset 'nosuch'")
    assert "Traceback" not in done.stderr
