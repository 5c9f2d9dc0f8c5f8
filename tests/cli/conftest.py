"""Folders of cells and a model of one, for tests of the commands."""

import cv2
import pytest

from leukfeat.data import make_cells

PATTERN = "(?P<subject>[^_]+)_"


def _write_folder(root, cells, prefix=""):
    for i, (image, label, subject) in enumerate(
        zip(cells.images, cells.y, cells.subjects, strict=True)
    ):
        path = root / cells.class_names[label] / f"{prefix}{subject}_{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image[:, :, ::-1])
    return root


@pytest.fixture(scope="session")
def write_folder():
    """Write cells into a folder a class, the subject in the file name."""
    return _write_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Procedural cells in a folder a class, the subject in the file name."""
    root = tmp_path_factory.mktemp("my cells")
    return _write_folder(root, make_cells(10, 60, size=64, random_state=0))


@pytest.fixture
def small_network(monkeypatch):
    """Shrink the network's input: these tests are about the commands."""
    import leukfeat.features as features

    whole = features.extract_features

    def small(cells, **settings):
        side = settings.pop("input_size", None) or 48
        return whole(cells, input_size=side, **{"progress": False} | settings)

    monkeypatch.setattr(features, "extract_features", small)


@pytest.fixture(scope="session")
def model(folder, tmp_path_factory):
    from leukfeat import CellClassifier, extract_features, fit_head, load_folder, save_model

    cells = load_folder(folder, class_names=["hem", "all"], subject_pattern=PATTERN)
    given = {"weights": "random", "layers": "conv2", "input_size": 48, "progress": False}
    features = extract_features(cells, **given)
    head = fit_head(features, "logistic_regression", tune=False)
    return save_model(CellClassifier(head, features), tmp_path_factory.mktemp("m") / "a.leukfeat")
