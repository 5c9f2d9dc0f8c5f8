"""A network keeps its preparation: in its file, in what it reads, and in what it refuses."""

import json
import zipfile

import numpy as np
import pytest

from leukfeat import evaluate
from leukfeat.cnn import CNNConfig, FineTuneConfig, fit_cnn, load_cnn, read_cells
from leukfeat.exceptions import ImageReadError, SpecMismatchError
from leukfeat.imaging import Preparation, ReinhardNormalizer, fit_preparation, write_preparation

BLUR = Preparation(("median_blur", {"size": 3}), "invert")


@pytest.fixture(scope="module")
def chain(discs):
    return fit_preparation(discs[:20], "reinhard", ("median_blur", {"size": 3}))


@pytest.fixture(scope="module")
def prepared(discs, chain, small):
    return fit_cnn(discs[:40], epochs=1, preparation=chain, **small)


def test_images_are_prepared_whole_before_crop_and_resize(discs):
    found = read_cells(discs[:4], input_size=(16, 16), crop=20, preparation=BLUR)
    by_hand = [BLUR(np.asarray(image)) for image in discs[:4].images]
    from leukfeat import CellDataset

    wanted = read_cells(CellDataset.from_arrays(by_hand), input_size=(16, 16), crop=20)
    np.testing.assert_array_equal(found.X, wanted.X)
    plain = read_cells(discs[:4], input_size=(16, 16), crop=20)
    assert list(found.ids) == list(plain.ids)
    assert found.controls.equals(plain.controls)
    assert found[:2].preparation == BLUR.to_json()


def test_a_loaded_network_prepares_raw_cells_itself(prepared, chain, other_discs, tmp_path, small):
    path = tmp_path / "net.keras"
    prepared.save(path)
    loaded = load_cnn(path)
    assert Preparation.from_json(loaded.config.preparation) == chain
    found = loaded.predict_proba(other_discs)
    np.testing.assert_allclose(found, prepared.predict_proba(other_discs), atol=1e-6)
    # The same network on images prepared by hand, told that they need nothing more.
    by_hand = np.stack(
        [
            read_cells(other_discs[i : i + 1], input_size=(32, 32), preparation=chain).X[0]
            for i in range(4)
        ]
    )
    np.testing.assert_allclose(prepared._run(by_hand).ravel(), found[:4, 1], atol=1e-6)
    raw = read_cells(other_discs, input_size=(32, 32))
    with pytest.raises(SpecMismatchError, match=r"preparation=None and not reinhard fitted on 19"):
        loaded.predict(raw)
    notes = evaluate(loaded, loaded.read_cells(other_discs)).notes
    assert (
        "preparation: 'reinhard' was fitted on 19 images, which must not be among these cells"
        in notes
    )


def test_a_file_that_is_older_than_preparations_is_read(trained, tmp_path):
    path = tmp_path / "net.keras"
    trained.save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("leukfeat.json"))["config"]
    assert "preparation" not in config
    assert load_cnn(path).config.preparation is None


def test_settings_say_it_in_every_form(chain, tmp_path):
    file = write_preparation(chain, tmp_path / "chain.json")
    configs = [CNNConfig(preparation=one) for one in (chain, file, chain.to_json())]
    assert len({config.to_json() for config in configs}) == 1
    assert CNNConfig.from_json(configs[0].to_json()) == configs[0]
    assert FineTuneConfig(preparation=chain).replace(stages=2).preparation == chain.to_json()
    assert CNNConfig(preparation=Preparation()) == CNNConfig()
    for wrong in ("gray_world", 3, ReinhardNormalizer(), '{"steps":[["sharpen",{}]],"version":1}'):
        with pytest.raises(ValueError, match=r"preparation|sharpen"):
            CNNConfig(preparation=wrong)


def test_images_read_otherwise_are_refused(discs, chain, small):
    images = read_cells(discs, input_size=(32, 32), preparation=BLUR)
    with pytest.raises(ValueError, match=r"read otherwise.*preparation=median_blur.*not reinhard"):
        fit_cnn(images, preparation=chain, **small)
    with pytest.raises(ValueError, match=r"preparation=median_blur\(size=3\).*and not None"):
        fit_cnn(images, **small)


def test_a_cell_that_cannot_be_prepared_is_named_or_left_out(discs):
    from leukfeat import CellDataset

    blank = np.full((40, 40, 3), 230, np.uint8)
    cells = CellDataset.from_arrays([np.asarray(discs.images[1]), blank])
    cut = Preparation("cut_out_cell")
    with pytest.raises(ImageReadError, match=r"'image 1'.*cannot be prepared.*no white cell"):
        read_cells(cells, input_size=(16, 16), preparation=cut)
    images = read_cells(cells, input_size=(16, 16), preparation=cut, errors="skip")
    assert len(images) == 1
    assert "no white cell" in images.skipped["reason"].iloc[0]
