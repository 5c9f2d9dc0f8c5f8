"""A file is there whole, or what stood there stays."""

import os

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
