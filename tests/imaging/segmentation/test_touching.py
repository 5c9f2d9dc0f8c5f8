import numpy as np

from leukfeat.imaging.segmentation.touching import divide, reference_area


def discs(centers, radius=12, size=(120, 160)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return sum((np.hypot(rows - r, columns - c) < radius) for r, c in centers) > 0


def test_touching_discs_are_divided_as_they_overlap_more_and_more():
    for gap in (24, 22, 20, 18):
        labels = divide(discs([(60, 40), (60, 40 + gap)]), area=452)
        assert labels.max() == 2, gap
        assert labels[60, 36] != labels[60, 44 + gap]


def test_a_chain_of_four_and_one_alone():
    mask = discs([(20, 20), (20, 41), (20, 62), (20, 83), (90, 90)])
    assert divide(mask, area=452).max() == 5


def test_a_horseshoe_of_the_size_of_one_object_stays_whole():
    rows, columns = np.mgrid[:60, :60]
    distance = np.hypot(rows - 30, columns - 30)
    horseshoe = (distance < 16) & (distance > 8) & (columns < 36)
    assert divide(horseshoe, area=452).max() == 1


def test_the_reference_needs_enough_single_objects():
    few = discs([(20, 20), (60, 60)])
    assert reference_area(few.astype(np.int32)) is None
    many = discs(
        [(20, 20), (60, 20), (100, 20), (20, 70), (60, 70), (100, 70), (60, 120), (60, 141)]
    )
    assert abs(reference_area(many.astype(np.int32)) - 452) < 60
