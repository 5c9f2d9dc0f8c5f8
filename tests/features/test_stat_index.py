"""The stat index trusts what cannot have changed, and costs nothing when it fails."""

import os
import stat
import time

import pytest

from leukfeat.features.store.stat_index import Known, Seen, StatIndex
from leukfeat.imaging.reading import FileState

OLD = 60_000_000_000


def see(path, checked=None):
    state = FileState.of(os.stat(path))
    newest = max(state.mtime_ns, state.ctime_ns)
    return Seen(str(path), state, checked or newest + OLD, b"d" * 32, os.fsencode(path)[-32:])


@pytest.fixture
def files(tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i in range(60 if folder == "a" else 3):
            path = tmp_path / folder / f"{i}.bmp"
            path.write_text(f"{folder}{i}")
            paths.append(str(path))
    return paths


@pytest.fixture
def index(tmp_path):
    return StatIndex(tmp_path / "index" / "stat.sqlite")


def test_what_was_recorded_is_found(index, files):
    assert index.look_up(files) == [None] * len(files)
    seen = [see(path) for path in files]
    index.record(seen)
    assert index.look_up(files) == [Known(s.digest, s.key) for s in seen]
    assert index.look_up(files[:2] + files[-2:]) == [
        Known(s.digest, s.key) for s in seen[:2] + seen[-2:]
    ]


def test_relative_and_absolute_paths_are_one(index, files, monkeypatch):
    index.record([see(files[0])])
    monkeypatch.chdir(os.path.dirname(files[0]))
    assert index.look_up(["0.bmp", "./0.bmp", "../a/0.bmp"]).count(None) == 0


@pytest.mark.parametrize("change", ["content", "mtime", "ctime", "inode", "gone"])
def test_a_changed_file_is_not_trusted(index, files, change):
    path = files[0]
    status = os.stat(path)
    index.record([see(path)])
    if change == "content":
        with open(path, "a") as file:
            file.write("more")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "mtime":
        os.utime(path, ns=(0, 0))
    elif change == "ctime":
        time.sleep(0.02)
        os.chmod(path, stat.S_IRUSR)
    elif change == "inode":
        with open(path + ".new", "w") as file:
            file.write("a0")
        os.utime(path + ".new", ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(path + ".new", path)
    else:
        os.unlink(path)
    assert index.look_up([path]) == [None]


def test_a_file_changed_just_before_it_was_read_is_not_trusted(index, files):
    newest = FileState.of(os.stat(files[0])).mtime_ns
    index.record([see(files[0], checked=newest + 1_000_000_000)])
    assert index.look_up(files[:1]) == [None]
    index.record([see(files[0], checked=newest + 3_000_000_000)])
    assert index.look_up(files[:1]) != [None]


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_index_is_begun_again(tmp_path, files, content):
    place = tmp_path / "stat.sqlite"
    place.write_bytes(content)
    index = StatIndex(place)
    assert index.look_up(files) == [None] * len(files)
    index.record([see(files[0])])
    index.record([see(files[0])])
    assert index.look_up(files[:1]) != [None]


def test_an_index_that_cannot_be_written_is_no_error(tmp_path, files):
    (tmp_path / "file").write_text("")
    index = StatIndex(tmp_path / "file" / "stat.sqlite")
    index.record([see(files[0])])
    assert index.look_up(files) == [None] * len(files)


def test_odd_names(index, tmp_path):
    paths = [tmp_path / "ümlaut 細胞.bmp", tmp_path / "new\nline.bmp", tmp_path / "o'quote;--.bmp"]
    odd = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"\xff.bmp"))
    names = [*map(str, paths), odd]
    for name in names:
        with open(name, "w") as file:
            file.write("x")
    index.record([see(name) for name in names])
    assert None not in index.look_up(names)
