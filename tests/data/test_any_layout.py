"""The layout of a source is recognised, and can be said."""

import pytest

from leukfeat.data import load_cells


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_class_folders(tmp_path):
    cells = load_cells(tree(tmp_path, "a/1.png", "b/2.png"), positive="b")
    assert cells.class_names == ("a", "b")
    assert cells.positive == "b"


def test_cnmc(tmp_path):
    root = tree(tmp_path, "fold_0/all/UID_1_1_1_all.bmp", "fold_0/hem/UID_h3_1_1_hem.bmp")
    assert load_cells(root).subjects.tolist() == ["1", "H3"]


def test_loose_images_have_no_labels(tmp_path):
    cells = load_cells(tree(tmp_path, "x.png", "y.JPG", "notes.txt"))
    assert len(cells) == 2
    assert cells.y is None


def test_a_table(tmp_path):
    tree(tmp_path, "x.png")
    (tmp_path / "cells.csv").write_text("image,label,subject\nx.png,hem,H1\n")
    assert load_cells(tmp_path / "cells.csv").subjects.tolist() == ["H1"]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"layout": "tree"}, ValueError, "'layout' must be one of"),
        ({"subject_pattern": "(?P<subject>.)"}, ValueError, "belongs to layout='folder'"),
    ],
)
def test_wrong_parameters(tmp_path, given, error, says):
    with pytest.raises(error, match=says):
        load_cells(tree(tmp_path, "x.png"), **given)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_cells(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="No image in"):
        load_cells(tmp_path)
