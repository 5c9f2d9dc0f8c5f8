import cv2
import numpy as np
import pytest

from leukfeat import CellDataset, FeatureSet
from leukfeat.cnn import read_cells, reading
from leukfeat.cnn.reading import read_pixels
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.controls import measure_controls
from leukfeat.imaging.pixel_key import pixel_key


@pytest.fixture
def files(discs, tmp_path):
    paths = []
    for i, image in enumerate(discs[:6].images):
        paths.append(str(tmp_path / f"{i}.bmp"))
        cv2.imwrite(paths[-1], image[..., ::-1])
    return CellDataset.from_arrays(
        paths, discs.y[:6], discs.subjects[:6], class_names=discs.class_names, positive="all"
    )


def test_files_and_arrays_give_the_same(files, discs):
    from_files = read_cells(files, input_size=(24, 24))
    from_arrays = read_cells(discs[:6], input_size=(24, 24))
    np.testing.assert_array_equal(from_files.X, from_arrays.X)
    assert list(from_files.ids) == list(from_arrays.ids)
    image = discs.images[2]
    assert from_files.ids[2] == pixel_key(image).hex()
    np.testing.assert_array_equal(from_files.controls.iloc[2], measure_controls(image))


@pytest.mark.parametrize("crop", [None, 20])
def test_pixels_alone_are_those_of_read_cells(files, crop):
    pixels = read_pixels(files, input_size=(24, 24), crop=crop)
    np.testing.assert_array_equal(pixels, read_cells(files, input_size=(24, 24), crop=crop).X)


def test_a_crop_keeps_scale_and_stretching_does_not():
    small, large = (np.zeros((side, side, 3), np.uint8) for side in (40, 80))
    small[15:25, 15:25] = large[35:45, 35:45] = 200
    cells = CellDataset.from_arrays([small, large])
    cropped = read_cells(cells, input_size=(20, 20), crop=20)
    np.testing.assert_array_equal(cropped.X[0], cropped.X[1])
    stretched = read_cells(cells, input_size=(20, 20)).X
    assert (stretched[0] > 0).sum() > 2 * (stretched[1] > 0).sum()


def test_an_unreadable_file_is_named_or_skipped(files, tmp_path):
    frame = files.frame
    frame.loc[1, "image"] = str(tmp_path / "gone.bmp")
    cells = CellDataset(frame, class_names=files.class_names)
    with pytest.raises(ImageReadError, match="gone"):
        read_cells(cells, input_size=(8, 8))
    images = read_cells(cells, input_size=(8, 8), errors="skip")
    assert len(images) == len(images.X) == len(images.y) == 5
    assert list(images.subjects) == [s for i, s in enumerate(files.subjects) if i != 1]
    assert "gone.bmp" in images.skipped["path"][0]
    assert "gone.bmp" in images.skipped["reason"][0]
    with pytest.raises(ValueError, match="errors"):
        read_cells(cells, errors="ignore")


def test_many_pixels_go_to_a_temporary_file(discs, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "MEMORY_LIMIT", 1000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    mapped = read_cells(discs[:6], input_size=(16, 16))
    part = mapped[2:4]
    assert isinstance(mapped.X, np.memmap)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.undo()
    np.testing.assert_array_equal(mapped.X, read_cells(discs[:6], input_size=(16, 16)).X)
    del mapped
    assert len(list(tmp_path.iterdir())) == 1
    del part
    assert not list(tmp_path.iterdir())


def test_rows_are_selected_with_all_that_is_known(discs):
    images = read_cells(discs[:10], input_size=(16, 16))
    for rows in ([7, 2], slice(3, 6), images.y == 1, np.array([True] * 10)):
        part = images[rows]
        numbers = np.arange(10)[rows]
        np.testing.assert_array_equal(part.X, images.X[rows])
        np.testing.assert_array_equal(part.pixels(slice(0, 2)), images.X[numbers[:2]])
        assert list(part.ids) == list(images.ids[numbers])
        assert list(part.y) == list(images.y[numbers])
        assert part.shape == (len(numbers), 16, 16, 3)
        assert len(part.controls) == len(part.columns) == len(numbers)
    twice = images[[7, 2, 5]][[2, 0]]
    np.testing.assert_array_equal(twice.X, images.X[[5, 7]])
    reversed_rows = images[::-1]
    np.testing.assert_array_equal(reversed_rows.X, images.X[::-1])


def test_it_has_whatever_a_feature_set_has(discs):
    images = read_cells(discs[:3], input_size=(16, 16))
    for name in vars(FeatureSet([[0.0]])):
        assert hasattr(images, name), name
    assert images.column("subject")[1] == discs.subjects[1]
    assert np.asarray(images).shape == (3, 16, 16, 3)
    assert "16 x 16 px" in repr(images)
