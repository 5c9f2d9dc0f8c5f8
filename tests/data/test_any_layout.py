"""The layout of a source is recognised, and can be said."""

import shutil

import pytest

from leukfeat.data import load_cells, load_cnmc, make_cells
from leukfeat.data.procedural import write_cnmc_tree
from leukfeat.exceptions import CellNameError


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


@pytest.mark.parametrize("layout", ["auto", "images"])
def test_one_image(tmp_path, layout):
    path = tmp_path / "cell 1.JPG"
    path.touch()
    cells = load_cells(path, layout=layout)
    assert cells.images == [str(path)]
    assert cells.y is None


def test_a_table(tmp_path):
    tree(tmp_path, "x.png")
    (tmp_path / "cells.csv").write_text("image,label,subject\nx.png,hem,H1\n")
    assert load_cells(tmp_path / "cells.csv").subjects.tolist() == ["H1"]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"layout": "tree"}, ValueError, "'layout' must be one of"),
        (
            {"subject_pattern": "(?P<subject>.)", "layout": "csv"},
            ValueError,
            "belongs to layout='folder' or",
        ),
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


@pytest.fixture(scope="module")
def cnmc(tmp_path_factory):
    """Both labelled parts of a made C-NMC, and the unlabelled one."""
    root = tmp_path_factory.mktemp("cnmc") / "C-NMC 2019"
    write_cnmc_tree(make_cells(4, 12, size=32, random_state=0), root)
    write_cnmc_tree(make_cells(4, 8, size=32, random_state=1), root, split="prelim")
    tree(root / "C-NMC_test_final_phase_data", *(f"{i}.bmp" for i in range(1, 6)))
    return root


TRAIN, PRELIM = "C-NMC_training_data", "C-NMC_test_prelim_phase_data"
FINAL = "C-NMC_test_final_phase_data"


@pytest.mark.parametrize(
    ("part", "split", "n", "labelled"),
    [
        (".", "train", 12, True),
        (TRAIN, "train", 12, True),
        (PRELIM, "prelim", 8, True),
        (f"{PRELIM}_labels.csv", "prelim", 8, True),
        (FINAL, "final", 5, False),
    ],
)
def test_parts_of_cnmc_are_recognised(cnmc, part, split, n, labelled):
    cells = load_cells(cnmc / part)
    assert set(cells.column("split")) == {split}
    assert len(cells) == n
    assert (cells.y is not None) == labelled
    if labelled:
        theirs = load_cnmc(cnmc, split)
        assert cells.frame.drop(columns="image").equals(theirs.frame.drop(columns="image"))
    assert set(load_cells(cnmc / part, layout="cnmc").column("split")) == {split}


def test_the_part_of_the_whole_set_can_be_said(cnmc):
    assert len(load_cells(cnmc, cnmc_split="prelim")) == 8
    assert len(load_cells(cnmc, cnmc_split="final")) == 5


def test_only_the_test_sets_in_one_folder(cnmc, tmp_path):
    shutil.copytree(cnmc / FINAL, tmp_path / FINAL)
    assert set(load_cells(tmp_path).column("split")) == {"final"}
    shutil.copytree(cnmc / PRELIM, tmp_path / PRELIM)
    shutil.copy(cnmc / f"{PRELIM}_labels.csv", tmp_path)
    assert set(load_cells(tmp_path).column("split")) == {"prelim"}


def test_the_preliminary_images_without_their_table_have_no_labels(cnmc, tmp_path):
    shutil.copytree(cnmc / PRELIM, tmp_path / PRELIM)
    cells = load_cells(tmp_path / PRELIM)
    assert len(cells) == 8
    assert cells.y is None


@pytest.mark.parametrize("name", ["final", "testing_data", "prelim", "validation_data"])
def test_numbered_images_of_someone_else_stay_loose(tmp_path, name):
    cells = load_cells(tree(tmp_path / name, "1.png", "2.png"))
    assert cells.class_names == ()


def test_a_part_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'cnmc_split' belongs to layout='cnmc'"):
        load_cells(tree(tmp_path, "a/1.png"), layout="folder", cnmc_split="prelim")


@pytest.mark.parametrize("layout", ["auto", "images"])
def test_loose_images_may_tell_their_subjects(tmp_path, layout):
    (tmp_path / "P3").mkdir()
    for name in ("P1_a.png", "P2_b.png", "P3/c.png"):
        (tmp_path / name).touch()
    cells = load_cells(
        tmp_path, layout=layout, subject_pattern=r"(?P<subject>P\d)[_/](?P<slide>\w)"
    )
    assert cells.y is None
    assert cells.subjects.tolist() == ["P1", "P2", "P3"]
    assert cells.column("slide").tolist() == ["a", "b", "c"]
    (tmp_path / "x.png").touch()
    with pytest.raises(CellNameError, match=r"'x\.png' does not tell its subject"):
        load_cells(tmp_path, layout=layout, subject_pattern=r"(P\d)")
    kept = load_cells(tmp_path, layout=layout, subject_pattern=r"(P\d)", errors="skip")
    assert len(kept) == 3
    assert kept.skipped["path"].tolist() == [str(tmp_path / "x.png")]
    one = load_cells(tmp_path / "P1_a.png", subject_pattern=r"(P\d)")
    assert one.subjects.tolist() == ["P1"]
