"""A file is there whole, or what stood there stays."""

import os
import signal
import subprocess
import sys

import pytest

from leukfeat.atomic_file import written_whole


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way():
        with written_whole(path) as partial:
            partial.write_text("ne")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_ending_is_kept_and_the_file_is_readable(tmp_path):
    path = tmp_path / "b.h5"
    with written_whole(path) as partial:
        assert partial.suffix == ".h5"
        assert not path.exists()
        partial.write_bytes(b"x")
    assert path.read_bytes() == b"x"
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


WRITER = """
import sys, time
from leukfeat.atomic_file import written_whole
with written_whole(sys.argv[1]) as partial:
    partial.write_text("half of it")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs locks of open files")
@pytest.mark.parametrize("name", ["model.leukfeat", "[a] *?.html", "no ending"])
def test_what_a_killed_writer_left_is_deleted_and_a_living_one_s_is_not(tmp_path, name):
    path = tmp_path / name
    (tmp_path / f"{name}.partial").write_text("the user's own")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout.readline() == "writing\n"
        with written_whole(path) as partial:
            partial.write_text("first")
        assert len(os.listdir(tmp_path)) == 3  # the living writer's is among them
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(os.listdir(tmp_path)) == 3
    with written_whole(tmp_path / "another.html") as partial:
        partial.write_text("")
    assert len(os.listdir(tmp_path)) == 4
    with written_whole(path) as partial:
        partial.write_text("second")
    assert path.read_text() == "second"
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"{name}.partial", "another.html"])
