"""Fixtures shared by every test: the real data kept beside the checkout, when it is there."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
WEIGHTS = SHARED / "weights" / "resnet50_imagenet_pruned_notop.weights.h5"


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    """Keep every test out of the user's cache folder."""
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path_factory.mktemp("user-cache")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real images, or skip."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real images are not beside this checkout (../shared/data)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """Return the real ResNet50 weights file, or skip."""
    if not WEIGHTS.is_file():
        pytest.skip("the real ResNet50 weights are not beside this checkout (../shared/weights)")
    return WEIGHTS
