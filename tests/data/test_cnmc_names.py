import pytest

from leukfeat.data.cnmc_names import SHARED_IMAGE_SUBJECTS, group_of, parse_cnmc_name
from leukfeat.exceptions import CellNameError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UID_16_11_1_all.bmp", ("16", 11, 1, "all")),
        ("UID_H10_100_1_hem.bmp", ("H10", 100, 1, "hem")),
        ("UID_h3_4_1_hem.bmp", ("H3", 4, 1, "hem")),
        ("UID_10_4_12_all.png", ("10", 4, 12, "all")),
        ("uid_07_4_1_ALL.BMP", ("7", 4, 1, "all")),
    ],
)
def test_names_that_parse(name, expected):
    assert parse_cnmc_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "1.bmp",
        "UID_16_11_all.bmp",
        "UID_16_11_1_blast.bmp",
        "UID_X16_11_1_all.bmp",
        "UID_16_11_1_all.bmp.bmp",
        "UID_16_11_1_all (1).bmp",
        "UID_16_11_1_all",
        " UID_16_11_1_all.bmp",
        "UID_٣_11_1_all.bmp",
        "",
    ],
)
def test_a_name_that_does_not_parse_is_shown(name):
    with pytest.raises(CellNameError) as caught:
        parse_cnmc_name(name)
    assert repr(name) in str(caught.value)
    assert "UID_<subject>" in str(caught.value)


@pytest.mark.parametrize("name", ["UID_H3_1_1_all.bmp", "UID_3_1_1_hem.bmp"])
def test_subject_and_class_must_agree(name):
    with pytest.raises(CellNameError, match="contradicts itself"):
        parse_cnmc_name(name)


def test_groups_of_subjects_that_share_images():
    for subjects in SHARED_IMAGE_SUBJECTS:
        assert len({group_of(s) for s in subjects}) == 1
    assert len({group_of(s) for many in SHARED_IMAGE_SUBJECTS for s in many}) == 4
    assert group_of("10") == "10"
    assert group_of("2") == "2"
    assert group_of("H21") == "H21"
