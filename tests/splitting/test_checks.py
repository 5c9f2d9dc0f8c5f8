import pytest

from leukfeat.exceptions import LeakageError
from leukfeat.splitting import check_split


def test_a_clean_split_passes():
    check_split([0, 1], [2], y=[0, 1, 0], subjects=["a", "b", "c"], ids=["", "", None])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"subjects": ["H3", "x", "H3"]}, "1 subject is on both sides of the split: H3"),
        ({"groups": ["g", "h", "g"]}, "1 group is on both sides"),
        ({"ids": ["p", "q", "q"]}, "1 image is on both sides of the split: q"),
    ],
)
def test_what_is_on_both_sides_is_named(labels, message):
    with pytest.raises(LeakageError, match=message):
        check_split([0, 1], [2], **labels)


def test_rows_on_both_sides():
    with pytest.raises(LeakageError, match="1 rows are on both sides of the split: 1"):
        check_split([0, 1], [1, 2])


def test_a_side_must_not_be_empty_and_training_needs_every_class():
    with pytest.raises(ValueError, match="test side of the split is empty"):
        check_split([0], [])
    with pytest.raises(ValueError, match=r"Training lacks the classes \['hem'\]"):
        check_split([0], [1], y=["all", "hem"])
