"""write_cnmc_tree: what load_cnmc reads back is what was written."""

import numpy as np
import pytest

from leukfeat import load_cnmc
from leukfeat.data.procedural import make_cells, write_cnmc_tree
from leukfeat.imaging.reading import read_image


@pytest.fixture(scope="module")
def cells():
    return make_cells(9, 60, size=40, random_state=5)


def by_content(images):
    return [image.tobytes() for image in images]


def test_the_training_tree_comes_back_with_pixels_labels_subjects_and_folds(cells, tmp_path):
    loaded = load_cnmc(write_cnmc_tree(cells, tmp_path / "tree"))
    pixels = [read_image(path) for path in loaded.images]
    assert len(loaded) == len(cells)
    written = {image.tobytes(): i for i, image in enumerate(cells.images)}
    order = [written[image.tobytes()] for image in pixels]
    assert sorted(order) == list(range(len(cells)))
    np.testing.assert_array_equal(loaded.y, cells.y[order])
    np.testing.assert_array_equal(loaded.subjects, cells.subjects[order])
    np.testing.assert_array_equal(loaded.column("fold"), cells.column("fold")[order])
    np.testing.assert_array_equal(loaded.column("cell"), cells.column("cell")[order])
    # Cells of one field, and only they, have one image number.
    fields = cells.column("field")[order]
    assert len(set(zip(fields, loaded.column("field"), strict=True))) == len(set(fields))


def test_no_subject_is_taken_for_one_of_the_real_ones_that_share_images(cells, tmp_path):
    loaded = load_cnmc(write_cnmc_tree(cells, tmp_path))
    np.testing.assert_array_equal(loaded.groups, loaded.subjects)


def test_the_preliminary_test_set_comes_back_by_its_table(cells, tmp_path):
    write_cnmc_tree(cells, tmp_path, split="train")
    loaded = load_cnmc(write_cnmc_tree(cells, tmp_path, split="prelim"), "prelim")
    assert by_content(read_image(p) for p in loaded.images) == by_content(cells.images)
    np.testing.assert_array_equal(loaded.y, cells.y)
    np.testing.assert_array_equal(loaded.subjects, cells.subjects)


def test_it_does_not_write_over_a_dataset(cells, tmp_path):
    write_cnmc_tree(cells, tmp_path)
    with pytest.raises(FileExistsError, match=r"C-NMC_training_data.*exists already"):
        write_cnmc_tree(cells, tmp_path)


def test_what_the_names_cannot_say_is_refused_before_anything_is_written(cells, tmp_path):
    noisy = make_cells(6, 30, size=16, label_noise=0.2)
    with pytest.raises(ValueError, match=r"cannot be named as in C-NMC.*label_noise=0"):
        write_cnmc_tree(noisy, tmp_path)
    loaded = load_cnmc(write_cnmc_tree(cells, tmp_path / "tree"))
    with pytest.raises(ValueError, match="is the file"):
        write_cnmc_tree(loaded, tmp_path)
    with pytest.raises(ValueError, match=r"'split' parameter.*Got 'final'"):
        write_cnmc_tree(cells, tmp_path, split="final")
    assert not (tmp_path / "C-NMC_training_data").exists()
