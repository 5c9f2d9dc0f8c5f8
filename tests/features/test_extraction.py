"""extract_features around the network: what is computed, what is kept, what is refused."""

import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError, ImageReadError, SpecMismatchError
from leukfeat.features import extraction_run
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.engines import installed_engines
from leukfeat.features.store import StoreReader
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image


def extract(cells, cache=None, **settings):
    return lf.extract_features(cells, cache=cache, weights="random", progress=False, **settings)


def age(paths, seconds=10):
    """Make files look older than the moment at which they are read."""
    then = time.time() - seconds
    for path in paths:
        os.utime(path, (then, then))
    # The change time cannot be set: wait until it is safely past.
    time.sleep(2.1)


def test_rows_keys_and_controls_belong_to_the_cells(engine, write_images):
    paths = write_images(70)
    features = extract(paths, input_size=32)
    for i in (0, 1, 33, 69):
        pixels = read_image(paths[i])
        inputs = network_inputs(pixels, features.spec)
        assert np.array_equal(features.X[i], engine.row_of(inputs[0]))
        assert features.ids[i] == pixel_key(pixels).hex()
        assert np.array_equal(features.controls.iloc[i], measure_controls(pixels))
    assert tuple(features.controls.columns) == CONTROL_COLUMNS
    assert features.X.dtype == np.float32
    assert features.spec.engine == installed_engines()[0]
    assert features.columns["path"].tolist() == paths


def test_what_the_dataset_knows_is_carried_along(engine, write_images, tmp_path):
    cells = lf.CellDataset.from_arrays(
        write_images(6),
        ["all", "hem"] * 3,
        ["1", "1", "2", "2", "3", "3"],
        class_names=["hem", "all"],
        positive="all",
        fold=["a", "b"] * 3,
        name="mine",
    )
    features = extract(cells, tmp_path / "cache")
    assert features.y.tolist() == [1, 0] * 3
    assert features.subjects.tolist() == ["1", "1", "2", "2", "3", "3"]
    assert (features.class_names, features.positive, features.name) == (
        ("hem", "all"),
        "all",
        "mine",
    )
    assert features.column("fold").tolist() == ["a", "b"] * 3
    assert np.array_equal(extract(cells[::-1], tmp_path / "cache").X, features.X[::-1])


def test_arrays_lists_and_files_give_the_same_rows(engine, write_images):
    paths = write_images(4)
    arrays = [read_image(path) for path in paths]
    expected = extract(paths).X
    assert np.array_equal(extract(arrays).X, expected)
    assert np.array_equal(extract(np.stack(arrays)).X, expected)


def test_equal_images_are_computed_once(engine, write_images, tmp_path):
    paths = write_images(3)
    copy = str(tmp_path / "copy.bmp")
    assert cv2.imwrite(copy, cv2.imread(paths[0]))
    features = extract([*paths, copy, paths[1]])
    assert engine.computed == 3
    assert np.array_equal(features.X[3], features.X[0])
    assert np.array_equal(features.X[4], features.X[1])
    assert features.ids[3] == features.ids[0]


def test_a_second_call_computes_nothing(engine, write_images, tmp_path):
    paths = write_images(70)
    first = extract(paths, tmp_path / "cache")
    second = extract(paths, tmp_path / "cache")
    assert engine.computed == 70
    assert np.array_equal(first.X, second.X)
    assert first.controls.equals(second.controls)
    assert first.ids.tolist() == second.ids.tolist()
    more = extract([*write_images(5, start=70), *paths[:3]], tmp_path / "cache")
    assert engine.computed == 75
    assert np.array_equal(more.X[5:], first.X[:3])


@pytest.fixture(params=[0, 1_000_000], ids=["those asked for", "all files"])
def looked_up(request, monkeypatch):
    """Keep of the store's index of files those of this call, as in a large store, or all."""
    monkeypatch.setattr(extraction_run, "_ENTRIES_A_READ", request.param)


def test_moved_renamed_copied_and_re_encoded_files_are_not_computed_again(
    engine, write_images, tmp_path, looked_up
):
    paths = write_images(6)
    first = extract(paths, tmp_path / "cache")
    moved = tmp_path / "moved"
    moved.mkdir()
    renamed = [shutil.move(path, moved / f"{i}.png") for i, path in enumerate(paths)]
    re_headed = []
    for path in renamed:
        re_headed.append(f"{path}.bmp")
        assert cv2.imwrite(re_headed[-1], cv2.imread(str(path)))
    assert np.array_equal(extract(renamed, tmp_path / "cache").X, first.X)
    assert np.array_equal(extract(re_headed, tmp_path / "cache").X, first.X)
    assert engine.computed == 6


def test_a_file_known_by_its_digest_is_not_decoded(
    engine, write_images, tmp_path, monkeypatch, looked_up
):
    paths = write_images(3)
    first = extract(paths, tmp_path / "cache")
    copies = [shutil.copy(path, f"{path}.copy.png") for path in paths]
    monkeypatch.setattr("leukfeat.features.cell_reading.decode_image", None)
    assert np.array_equal(extract(copies, tmp_path / "cache").X, first.X)


def test_one_missing_file_costs_no_index_of_all_the_others(
    engine, write_images, tmp_path, monkeypatch
):
    monkeypatch.setattr(extraction_run, "_ENTRIES_A_READ", 10)
    paths = write_images(30)
    age(paths)
    extract(paths, tmp_path / "cache")
    kept, keep = [], StoreReader.file_index

    def counted(self, asked=None):
        kept.append(keep(self, asked))
        return kept[-1]

    monkeypatch.setattr(StoreReader, "file_index", counted)
    gone = str(tmp_path / "gone.png")
    copy = shutil.copy(paths[4], tmp_path / "copy.png")
    pixels = cv2.imread(paths[5])
    features = extract([*paths, copy, gone, pixels], tmp_path / "cache", errors="skip")
    assert len(features) == 32
    assert [len(files) for files in kept] == [1]
    assert engine.computed == 31  # the array is in BGR: other pixels
    kept.clear()
    extract([*paths[:4], pixels + 1], tmp_path / "cache")
    assert kept == []  # an array has no file
    extract([*paths, *(shutil.copy(p, f"{p}.png") for p in paths[:4])], tmp_path / "cache")
    assert [len(files) for files in kept] == [30]


def test_a_warm_call_reads_no_file(engine, write_images, tmp_path, monkeypatch):
    paths = write_images(4)
    age(paths)
    first = extract(paths, tmp_path / "cache")
    monkeypatch.setattr("leukfeat.features.cell_reading.read_bytes", None)
    assert np.array_equal(extract(paths, tmp_path / "cache").X, first.X)
    with pytest.raises(TypeError):
        extract(paths, tmp_path / "cache", verify="digest")


def test_a_file_replaced_under_the_same_size_and_times_is_noticed(engine, tmp_path):
    path = tmp_path / "cell.bmp"
    old, new = (np.full((8, 8, 3), value, np.uint8) for value in (10, 20))
    assert cv2.imwrite(str(path), old)
    age([path])
    status = path.stat()
    before = extract([path], tmp_path / "cache")
    assert cv2.imwrite(str(path), new)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    after = extract([path], tmp_path / "cache")
    assert after.ids != before.ids
    assert np.array_equal(after.X[0], engine.row_of(network_inputs(new, after.spec)[0]))


def test_a_young_file_is_read_again(engine, write_images, tmp_path, monkeypatch):
    paths = write_images(1)
    extract(paths, tmp_path / "cache")
    monkeypatch.setattr("leukfeat.features.cell_reading.read_bytes", None)
    with pytest.raises(TypeError):
        extract(paths, tmp_path / "cache")


def test_overwrite_computes_these_images_again_and_keeps_the_others(engine, write_images, tmp_path):
    paths = write_images(10)
    first = extract(paths, tmp_path / "cache")
    engine.computed = 0
    again = extract(paths[:4], tmp_path / "cache", if_cached="overwrite")
    assert engine.computed == 4
    assert np.array_equal(again.X, first.X[:4])
    assert np.array_equal(extract(paths, tmp_path / "cache").X, first.X)
    assert engine.computed == 4


def test_error_refuses_a_cache_that_holds_rows(engine, write_images, tmp_path):
    paths = write_images(2)
    extract(paths, tmp_path / "cache", if_cached="error")
    with pytest.raises(CacheError, match=r"holds 2 rows.*'resume'"):
        extract(paths, tmp_path / "cache", if_cached="error")


def test_unreadable_images_are_raised_or_listed(engine, write_images, tmp_path):
    paths = write_images(5)
    (tmp_path / "broken.png").write_bytes(b"not an image")
    mixed = [*paths[:2], str(tmp_path / "broken.png"), str(tmp_path / "gone.png"), *paths[2:]]
    cells = lf.CellDataset.from_arrays(mixed, [0, 1, 0, 1, 0, 1, 0], class_names=["a", "b"])
    with pytest.raises(ImageReadError, match=r"broken\.png"):
        extract(cells, tmp_path / "cache")
    for cache in (tmp_path / "cache", None):
        features = extract(cells, cache, errors="skip")
        assert features.columns["path"].tolist() == paths
        assert features.y.tolist() == [0, 1, 0, 1, 0]
        assert features.skipped["path"].tolist() == mixed[2:4]
        assert features.skipped["label"].tolist() == [0, 1]
        assert "no such file" in features.skipped["reason"][1]
    with pytest.raises(ImageReadError, match="none of 2 can be read"):
        extract(mixed[2:4], tmp_path / "cache", errors="skip")


def test_rows_before_an_unreadable_image_are_kept(engine, write_images, tmp_path):
    paths = write_images(100)
    with open(paths[90], "wb"):
        pass
    with pytest.raises(ImageReadError, match="empty"):
        extract(paths, tmp_path / "cache")
    assert engine.computed == 90
    extract(paths, tmp_path / "cache", errors="skip")
    assert engine.computed == 99


def test_a_call_with_nothing_to_compute_does_not_wait_for_a_cluster(
    engine, write_images, tmp_path, monkeypatch
):
    paths = write_images(3)
    extract(paths, tmp_path / "cache")
    monkeypatch.setattr(extraction_run, "count_workers", lambda: 1 / 0)
    assert len(extract(paths, tmp_path / "cache")) == 3
    assert extract(paths, tmp_path / "cache", dry_run=True).rows_missing == 0
    with pytest.raises(ZeroDivisionError):
        extract(write_images(1, start=3), tmp_path / "cache")


def test_views_are_the_mean_over_rotations_and_flips(engine, write_images):
    paths = write_images(5)
    features = extract(paths, views="dihedral", input_size=40)
    assert engine.computed == 40
    inputs = network_inputs(read_image(paths[3]), features.spec)
    assert inputs.shape == (8, 40, 40, 3)
    expected = np.mean([engine.row_of(view) for view in inputs], axis=0)
    assert np.allclose(features.X[3], expected, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 200])
@pytest.mark.parametrize("views", [1, "dihedral"])
def test_order_holds_for_every_batch_size(engine, write_images, tmp_path, batch_size, views):
    paths = write_images(30)
    features = extract(paths, tmp_path / "cache", batch_size=batch_size, views=views, input_size=32)
    for i in (0, 13, 29):
        inputs = network_inputs(read_image(paths[i]), features.spec)
        expected = np.mean([engine.row_of(view) for view in inputs], axis=0)
        assert np.allclose(features.X[i], expected, atol=1e-6)


def test_spaces_are_never_mixed(engine, write_images, tmp_path):
    paths = write_images(3)
    spaces = [
        {},
        {"layers": "conv4"},
        {"layers": ["conv4", "avg_pool"]},
        {"layers": ["avg_pool", "conv4"]},
        {"input_size": 96},
        {"pooling": "gem"},
        {"mask": "background"},
        {"crop": 16},
        {"views": "dihedral"},
        {"random_state": 1},
    ]
    digests = {extract(paths, tmp_path / "cache", **space).spec.digest for space in spaces}
    assert len(digests) == len(spaces) == len(list((tmp_path / "cache").glob("*.h5")))
    assert engine.computed == 3 * (len(spaces) - 1) + 24
    assert extract(paths, crop="center:16").spec == extract(paths, crop=16).spec


def test_one_file_means_one_space(engine, write_images, tmp_path):
    paths = write_images(2)
    cache = tmp_path / "mine.h5"
    first = extract(paths, cache)
    assert cache.is_file()
    assert np.array_equal(extract(paths, cache).X, first.X)
    with pytest.raises(SpecMismatchError, match=r"mine\.h5.*layers.*avg_pool.*conv4"):
        extract(paths, cache, layers="conv4")


def test_a_home_folder_is_expanded(engine, write_images, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    extract(write_images(1), "~/cache")
    assert len(list((tmp_path / "cache").glob("*.h5"))) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": "conv9"}, "'layers' must be one or several of"),
        ({"layers": []}, "'layers'"),
        ({"backbone": "resnet5"}, "'backbone' parameter must be one of"),
        ({"input_size": 8}, "'input_size'"),
        ({"input_size": (64, 2.5)}, "'input_size'"),
        ({"pooling": "max"}, "'pooling' parameter"),
        ({"mask": "white"}, "'mask' parameter"),
        ({"crop": "centre:9"}, "'crop' parameter"),
        ({"crop": 0}, "'crop' parameter"),
        ({"views": 3}, "'views'"),
        ({"views": "dihedral", "input_size": (64, 32)}, "square"),
        ({"engine": "torch"}, "'engine' parameter"),
        ({"precision": "float16"}, "'precision'"),
        ({"precision": "int8"}, "int8"),
        ({"batch_size": 0}, "'batch_size'"),
        ({"if_cached": "maybe"}, "'if_cached'"),
        ({"errors": "ignore"}, "'errors'"),
        ({"verify": "never"}, "'verify'"),
        ({"preparation": "stain"}, "'preparation'"),
        ({"random_state": None}, "'random_state'"),
    ],
)
def test_settings_that_are_not_allowed(engine, settings, words):
    images = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=words):
        extract(images, **settings)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([np.zeros((9, 9, 3))], "RGB uint8.*float64"),
        (np.zeros((2, 9, 9, 3)), "RGB uint8.*float64"),
        (np.zeros((9, 9, 3), np.uint8), r"shape \(n, height, width, 3\)"),
        ([np.zeros((9, 9), np.uint8)], "RGB uint8"),
        ([np.zeros((9, 9, 4), np.uint8)], "RGB uint8"),
        ([3], "path or an RGB uint8 array"),
        ([], "no image"),
    ],
)
def test_cells_that_are_no_images(engine, cells, words):
    with pytest.raises(ValueError, match=words):
        extract(cells)


def test_a_single_path_is_no_list(engine):
    with pytest.raises(TypeError, match="load_folder"):
        extract("cells")
    with pytest.raises(TypeError, match="Got int"):
        extract(3)


def test_a_warm_call_imports_neither_network_nor_opencv(engine, write_images, tmp_path):
    paths = write_images(3)
    age(paths)
    extract(paths, tmp_path / "cache")
    code = (
        "import sys, leukfeat as lf\n"
        f"f = lf.extract_features({paths!r}, cache={str(tmp_path / 'cache')!r}, weights='random')\n"
        "assert len(f) == 3\n"
        "names = ('tensorflow', 'keras', 'openvino', 'cv2', 'sklearn', 'matplotlib', 'tqdm')\n"
        "print([n for n in names if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_damaged_rows_are_computed_again(engine, write_images, tmp_path, caplog):
    paths = write_images(70)
    first = extract(paths, tmp_path / "cache")
    (store,) = (tmp_path / "cache").glob("*.h5")
    content = bytearray(store.read_bytes())
    place = content.find(first.X[5].tobytes())
    content[place + 100] ^= 1
    store.write_bytes(bytes(content))
    engine.computed = 0
    again = extract(paths, tmp_path / "cache")
    assert np.array_equal(again.X, first.X)
    assert engine.computed == 1
    assert "1 rows" in caplog.text
    with StoreReader(store) as reader:
        assert len(reader) == 70
        assert not reader.read(np.arange(70)).damaged.any()


def test_a_store_holds_no_path_and_no_name(engine, write_images, tmp_path):
    paths = write_images(3, folder="patient-Smith")
    extract(paths, tmp_path / "cache")
    (store,) = (tmp_path / "cache").glob("*.h5")
    content = store.read_bytes()
    for word in (b"Smith", b"cell_0000", str(tmp_path).encode()):
        assert word not in content
