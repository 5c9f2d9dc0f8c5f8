"""`leukfeat cache`: what it prints, for people and as JSON, and its exit codes."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from leukfeat.cli.cache import cache_app
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter

SPEC = FeatureSpec(weights_digest="test")
OTHER = FeatureSpec(weights_digest="test", backbone="vgg16")


def fill(path, first, n, spec=SPEC):
    keys = [bytes([1]) + int(i).to_bytes(31, "big") for i in range(first, first + n)]
    rows = np.arange(first, first + n, dtype=np.float32)[:, None] * np.ones(8, np.float32) + 1
    with StoreWriter(str(path), spec) as writer:
        writer.append(keys, rows, np.zeros((n, 18), np.float32), {"keras": "3.9"})
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(cache_app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "cache" / "a.h5", 0, 5)
    fill(tmp_path / "cache" / "b.h5", 0, 3, OTHER)
    return tmp_path / "cache"


def damage(path, row):
    content = path.read_bytes()
    value = np.full(8, row + 1, np.float32).tobytes()
    path.write_bytes(content.replace(value, b"\xff" + value[1:], 1))


def test_ls(folder):
    (folder / "c.h5").write_bytes(b"other")
    text = run("ls", folder, code=1).stdout
    assert "a.h5  5 rows x 8" in text
    assert "vgg16 avg_pool, 224 x 224" in text
    assert "keras 3.9" in text
    assert "cannot be used" in text
    found = json.loads(run("ls", folder, "--json", code=1).stdout)
    assert [store["rows"] for store in found["stores"]] == [5, 3, 0]
    assert found["stores"][0]["spec_digest"] == SPEC.digest
    assert found["bytes"] == sum(path.stat().st_size for path in folder.glob("*.h5"))


def test_an_empty_folder_is_no_error_and_a_missing_one_is(tmp_path):
    assert "No feature store" in run("ls", tmp_path).stdout
    run("verify", tmp_path)
    assert "No such file" in str(run("ls", tmp_path / "no", code=1).exception)


def test_verify_and_repair(folder):
    assert "sound, 5 rows" in run("verify", folder).stdout
    damage(folder / "a.h5", 2)
    (folder / "c.h5").write_bytes(b"other")
    result = run("verify", folder, code=1)
    assert "DAMAGED, 4 rows" in result.stdout
    assert "at places 2 to 2" in result.stdout
    assert "c.h5" in result.stderr
    found = json.loads(run("verify", folder, "--json", code=1).stdout)
    assert [store["is_sound"] for store in found["stores"]] == [False, True]
    assert not found["sound"]
    assert len(found["problems"]) == 1
    assert "4 rows kept, 1 dropped" in run("repair", folder, code=1).stdout
    assert "nothing to repair" in run("repair", folder / "a.h5").stdout
    assert json.loads(run("verify", folder / "a.h5", "--json").stdout)["sound"]


def test_prune_wants_to_be_told_what(folder):
    assert "--unused-by" in run("prune", folder, code=2).stderr


def test_prune_by_space_and_age(folder):
    text = run("prune", folder, "--spec", "vgg16", "--dry-run").stdout
    assert "b.h5: 3 rows would be removed, 0 kept" in text
    assert (folder / "b.h5").exists()
    run("prune", folder, "--spec", OTHER.digest[:12])
    assert not (folder / "b.h5").exists()
    assert "No store is chosen" in run("prune", folder, "--spec", "resnet101").stdout
    found = json.loads(run("prune", folder, "--older-than", "1", "--json").stdout)
    assert found["stores"][0]["rows_removed"] == 0
    found = json.loads(run("prune", folder, "--older-than", "0", "--json").stdout)
    assert found["stores"][0]["rows_removed"] == 5


def test_prune_rows_of_images_no_longer_there(tmp_path):
    import cv2

    from leukfeat.features.image_keys import image_keys

    images = tmp_path / "images"
    images.mkdir()
    for i in range(4):
        cv2.imwrite(str(images / f"{i}.png"), np.full((9, 9, 3), i, np.uint8))
    keys = [image_keys([str(images / f"{i}.png")])[0].pop() for i in range(4)]
    store = tmp_path / "s.h5"
    with StoreWriter(str(store), SPEC) as writer:
        writer.append(keys, np.ones((4, 8), np.float32), np.ones((4, 18), np.float32), {})
    (images / "3.png").unlink()
    run("prune", store, "--unused-by", images, "--layout", "images")
    with StoreReader(store) as reader:
        assert [key.tobytes() for key in reader.keys] == keys[:3]
    (images / "2.png").write_bytes(b"unreadable")
    result = run("prune", store, "--unused-by", images, "--layout", "images", code=1)
    assert "2.png" in str(result.exception)
    with StoreReader(store) as reader:
        assert len(reader) == 3


def test_merge_folders_by_space_and_refuse_another_one(folder, tmp_path):
    more = tmp_path / "more"
    fill(more / "x.h5", 3, 5)
    text = run("merge", folder, more, "--into", tmp_path / "all").stdout
    assert "8 rows, 8 of them new" in text
    assert "3 rows, 3 of them new" in text
    assert len(list((tmp_path / "all").glob("*.h5"))) == 2
    found = json.loads(run("merge", more, "--into", folder / "a.h5", "--json").stdout)
    assert found["stores"][0]["rows_added"] == 3
    result = run("merge", folder, "--into", tmp_path / "one.h5", code=1)
    assert "backbone: 'resnet50' != 'vgg16'" in str(result.exception)
    assert not (tmp_path / "one.h5").exists()
