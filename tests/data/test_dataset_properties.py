"""A dataset keeps its rows together, whatever is selected, joined or turned round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukfeat.data.dataset import CellDataset

CLASSES = ("hem", "all")
NAMES = st.text(min_size=1, max_size=8).filter(
    lambda text: text.strip() == text and "\0" not in text
)
ROWS = st.lists(
    st.tuples(st.sampled_from([*CLASSES, None]), st.sampled_from(["1", "H1", "20", "é"]), NAMES),
    min_size=1,
    max_size=25,
)
quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def dataset(rows):
    labels, subjects, names = zip(*rows, strict=True)
    return CellDataset.from_arrays(
        [f"{i}-{name}.png" for i, name in enumerate(names)],
        labels,
        subjects,
        class_names=CLASSES,
        positive="all",
        site=names,
    )


def labels_of(cells):
    """Labels as numbers; a dataset without any says None."""
    return [-1] * len(cells) if cells.y is None else cells.y.tolist()


def contents(cells):
    return list(
        zip(cells.images, labels_of(cells), cells.subjects, cells.column("site"), strict=True)
    )


@quick
@given(ROWS, st.data())
def test_any_selection_takes_whole_rows(rows, data):
    cells = dataset(rows)
    whole = contents(cells)
    places = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=30))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    assert contents(cells[np.array(places, int)]) == [whole[i] for i in places]
    assert contents(cells[mask]) == [row for row, kept in zip(whole, mask, strict=True) if kept]
    assert contents(cells[::-1]) == whole[::-1]
    for subject in set(cells.subjects):
        expected = [row for row in whole if row[2] == subject]
        assert contents(cells.select(subject=subject)) == expected


@quick
@given(ROWS, ROWS)
def test_joining_is_putting_below_and_changes_neither(first, second):
    one, two = dataset(first), dataset(second)
    before = contents(one), contents(two)
    assert contents(one.concat(two)) == before[0] + before[1]
    assert (contents(one), contents(two)) == before
    assert (one.class_names, one.positive) == (CLASSES, "all")


@quick
@given(ROWS)
def test_counts_add_up_and_the_table_is_a_copy(rows):
    cells = dataset(rows)
    assert cells.summary()["cells"].sum() == len(cells) == len(rows)
    table = cells.frame
    table["label"] = 99
    wanted = [-1 if label is None else CLASSES.index(label) for label, _, _ in rows]
    assert labels_of(cells) == wanted


@quick
@given(ROWS, st.text(max_size=5).filter(lambda text: text not in CLASSES))
def test_a_label_that_is_no_class_is_refused_by_name(rows, stranger):
    labels = [label for label, _, _ in rows]
    labels[0] = stranger
    images = [f"{i}.png" for i in range(len(rows))]
    with pytest.raises(ValueError) as error:
        CellDataset.from_arrays(images, labels, class_names=CLASSES)
    assert repr(stranger) in str(error.value)
