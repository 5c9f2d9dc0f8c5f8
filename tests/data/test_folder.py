import re

import pytest

from leukfeat.data import load_folder
from leukfeat.exceptions import CellNameError


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.fixture
def smears(tmp_path):
    root = tmp_path / "smears"
    _touch(
        root,
        "normal/p1_s1_01.png",
        "normal/p2_s1_01.PNG",
        "blast/p3_s2_02.png",
        "blast/p10_s2_01.tif",
        "blast/Thumbs.db",
        "blast/._p3_s2_02.png",
        ".DS_Store",
    )
    return root


def test_classes_are_the_folders_in_the_order_of_names(smears):
    cells = load_folder(smears)
    assert cells.class_names == ("blast", "normal")
    assert cells.y.tolist() == [0, 0, 1, 1]
    assert cells.name == "smears"
    assert cells.positive is None
    assert cells.subjects is None
    assert len(cells.skipped) == 0


def test_class_names_fix_the_order_of_labels(smears):
    cells = load_folder(smears, class_names=["normal", "blast"], positive="blast")
    assert [re.split(r"[\\/]", path)[-2] for path in cells.images] == ["normal"] * 2 + ["blast"] * 2
    assert cells.y.tolist() == [0, 0, 1, 1]
    assert cells.positive == "blast"


def test_the_pattern_gives_subjects_and_further_columns(smears):
    cells = load_folder(smears, subject_pattern=r"^(?P<subject>p\d+)_(?P<slide>s\d)_")
    assert cells.subjects.tolist() == ["p10", "p3", "p1", "p2"]
    assert cells.column("slide").tolist() == ["s2", "s2", "s1", "s1"]


def test_a_lone_group_is_the_subject(smears):
    assert load_folder(smears, subject_pattern=r"^(p\d+)_").subjects.tolist() == [
        "p10",
        "p3",
        "p1",
        "p2",
    ]
    with pytest.raises(ValueError, match="one group, or a group named 'subject'"):
        load_folder(smears, subject_pattern=r"^(p)(\d+)_")


def test_the_pattern_sees_folders_below_the_class(tmp_path):
    _touch(tmp_path, "a/patient 7/1.png", "b/patient 8/1.png")
    cells = load_folder(tmp_path, subject_pattern=r"patient (?P<subject>\d+)/")
    assert cells.subjects.tolist() == ["7", "8"]


def test_a_name_without_subject_is_shown_or_listed(smears):
    _touch(smears, "normal/unnamed.png")
    pattern = r"(?P<subject>p\d+)_"
    with pytest.raises(CellNameError, match=r"unnamed\.png"):
        load_folder(smears, subject_pattern=pattern)
    cells = load_folder(smears, subject_pattern=pattern, errors="skip")
    assert len(cells) == 4
    (row,) = cells.skipped.itertuples()
    assert row.path.endswith("unnamed.png")
    assert "subject" in row.reason


@pytest.mark.parametrize("pattern", ["p\\d+", "(?P<subject>p", "(?P<subject>p)(?P<label>x)"])
def test_patterns_that_cannot_serve(smears, pattern):
    with pytest.raises(ValueError, match="subject_pattern"):
        load_folder(smears, subject_pattern=pattern)


def test_other_files_are_listed_not_lost(smears):
    _touch(smears, "normal/notes.txt", "README.md")
    cells = load_folder(smears)
    assert len(cells) == 4
    assert {path.rsplit("/", 1)[-1] for path in cells.skipped["path"]} == {"notes.txt", "README.md"}


def test_extensions_choose(smears):
    cells = load_folder(smears, extensions=["PNG"])
    assert len(cells) == 3
    assert cells.skipped["path"].str.endswith("p10_s2_01.tif").tolist() == [True]


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="one folder a class"):
        load_folder(tmp_path)


def test_a_flat_folder_is_no_folder_of_classes(tmp_path):
    _touch(tmp_path, "1.png", "2.png")
    with pytest.raises(ValueError, match=r"2 images and no folder.*load_csv"):
        load_folder(tmp_path)


def test_an_image_beside_the_class_folders(smears):
    _touch(smears, "stray.png")
    with pytest.raises(ValueError, match="belongs to no class"):
        load_folder(smears)
    cells = load_folder(smears, errors="skip")
    assert len(cells) == 4
    assert len(cells.skipped) == 1


def test_an_empty_class_folder(smears):
    (smears / "smudge").mkdir()
    with pytest.raises(ValueError, match=r"smudge.*no image"):
        load_folder(smears)
    cells = load_folder(smears, errors="skip")
    assert cells.class_names == ("blast", "normal", "smudge")
    assert cells.summary()["cells"].tolist() == [2, 2, 0]


def test_class_names_against_the_folders(smears):
    with pytest.raises(FileNotFoundError, match="'smudge'"):
        load_folder(smears, class_names=["normal", "blast", "smudge"])
    with pytest.raises(ValueError, match="not one of the 'class_names'"):
        load_folder(smears, class_names=["blast"])
    cells = load_folder(smears, class_names=["blast"], errors="skip")
    assert len(cells) == 2
    with pytest.raises(ValueError, match="sequence of names"):
        load_folder(smears, class_names="blast")
    with pytest.raises(ValueError, match="'positive'"):
        load_folder(smears, positive="all")


def test_splits_are_not_taken_for_classes(tmp_path):
    _touch(tmp_path, "train/a/1.png", "test/a/2.png", "Validation_data/b/1.png")
    with pytest.raises(ValueError, match="look like splits"):
        load_folder(tmp_path)
    assert len(load_folder(tmp_path, class_names=["train", "test", "Validation_data"])) == 3


def test_no_image_at_all(tmp_path):
    _touch(tmp_path, "a/notes.txt")
    with pytest.raises(ValueError, match="no image"):
        load_folder(tmp_path)
    with pytest.raises(ValueError, match="no cell can be used"):
        load_folder(tmp_path, errors="skip")


def test_errors_is_raise_or_skip(smears):
    with pytest.raises(ValueError, match="'errors' parameter of load_folder"):
        load_folder(smears, errors="ignore")


def test_classes_that_differ_in_case_only_are_warned_of(tmp_path):
    for path in ("Blast/a.png", "blast/b.png", "CD10+/c.png", "CD10-/d.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    with pytest.warns(UserWarning, match="classes 'Blast' and 'blast', which differ only") as told:
        cells = load_folder(tmp_path)
    assert len(told) == 1
    assert len(cells.class_names) == 4
    load_folder(tmp_path, class_names=["Blast", "blast", "CD10+", "CD10-"])
