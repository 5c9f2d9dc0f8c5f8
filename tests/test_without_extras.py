"""What an installation without any extra does: the main job, and the rest names the extra.

Where extras are installed they are hidden here; ``.ci/oldest`` and ``.ci/newest`` run this before
they install them.
"""

import importlib.util
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import tifffile

import leukfeat as lf
from leukfeat.data import apply_corrections
from leukfeat.data.export import export_table
from leukfeat.data.procedural import make_smear
from leukfeat.exceptions import ImageReadError
from leukfeat.features.engines import choice
from leukfeat.imaging import count_cells

OF_EXTRAS = (
    *("openvino", "sklearnex", "daal4py", "nncf"),
    *("dask", "distributed", "imagecodecs"),
)
"""pyarrow is hidden where it matters: scikit-learn looks at ``sys.modules`` and stumbles."""
SMALL = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}


@pytest.fixture(autouse=True)
def no_extra(monkeypatch):
    for name in OF_EXTRAS:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(choice, "_loaded", type(choice._loaded)())
    assert not any(map(importlib.util.find_spec, OF_EXTRAS))


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(n_subjects=16, n_cells=48, size=40, random_state=0)


def test_from_images_to_a_saved_model(cells, tmp_path):
    features = lf.extract_features(cells, cache=tmp_path, **SMALL)
    assert features.spec.engine == "keras"
    again = lf.extract_features(cells, cache=tmp_path, **SMALL)
    np.testing.assert_array_equal(again.X, features.X)
    subjects = np.array(features.subjects)
    tested = [s for y in (0, 1) for s in np.unique(subjects[features.y == y])[:2]]
    held_out = np.isin(subjects, tested)
    ensemble = lf.fit_ensemble(
        features[~held_out], ["svm", "random_forest"], tune=False, cv=2, random_state=0
    )
    assert len(lf.evaluate(ensemble, features[held_out]).per_subject) == 4
    path = lf.save_model(lf.CellClassifier(ensemble, features[~held_out]), tmp_path / "a.leukfeat")
    predicted = lf.load_model(path).predict(cells, progress=False)
    np.testing.assert_allclose(
        predicted["p_all"], ensemble.predict_proba(features)[:, 1], atol=1e-6
    )
    export_table(cells, tmp_path / "cells.csv")
    assert len(pd.read_csv(tmp_path / "cells.csv")) == 48


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fast(cells, precision):
    engine = {"engine": "openvino"} if precision == "float32" else {}
    with pytest.raises(ImportError, match=r"leukfeat\[fast\]"):
        lf.extract_features(cells, precision=precision, **engine, **SMALL)


def test_an_onnx_file_names_fast(cells, tmp_path):
    path = tmp_path / "encoder.onnx"
    path.write_bytes(b"onnx")
    encoder = lf.Backbone(
        name="encoder",
        file=path,
        input_size=32,
        scale=1 / 255,
        mean=0,
        std=1,
        channel_order="RGB",
        layout="NCHW",
    )
    with pytest.raises(ImportError, match=r"leukfeat\[fast\]"):
        lf.extract_features(cells, backbone=encoder, progress=False)


def test_int8(cells, tmp_path):
    with pytest.raises(ImportError, match=r"leukfeat\[int8\]"):
        lf.calibrate_int8(cells, tmp_path / "a.int8", **SMALL)


def test_cluster_is_named_by_joblib(cells, monkeypatch):
    """It is joblib that is asked for the backend; the docs cite its words."""
    # Joblib looks when it is first asked for the backend, which another test may have done.
    monkeypatch.setattr("joblib._dask.dask", None)
    monkeypatch.setattr("joblib._dask.distributed", None)
    with (
        pytest.raises(ValueError, match="'dask' as a joblib parallel backend but dask is not inst"),
        joblib.parallel_config("dask"),
    ):
        lf.extract_features(cells, **SMALL)


def test_parquet(cells, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "cells.parquet"
    with pytest.raises(ImportError, match=r"leukfeat\[parquet\]"):
        export_table(cells, path)
    path.write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"leukfeat\[parquet\]"):
        apply_corrections(cells, path)


def test_slides(tmp_path):
    """Zlib is Python's own; JPEG is imagecodecs'. tifffile itself comes with scikit-image."""
    smear = make_smear(1, 6, 0, size=(160, 160), um_per_px=0.2, random_state=0)
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(64, 64), compression="zlib")
    assert count_cells(path, tile=128).white == count_cells(smear.image, tile=128).white
    content = bytearray(path.read_bytes())
    place = content.index(np.array([259, 3], "<u2").tobytes())  # tag and type of the compression
    content[place + 8 : place + 10] = np.array(7, "<u2").tobytes()
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=r"slide\.tif.*leukfeat\[slides\]"):
        count_cells(path, tile=128)
