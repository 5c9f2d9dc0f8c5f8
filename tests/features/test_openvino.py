"""OpenVINO gives Keras's rows: after saving and reading back, in float32, whatever the machine."""

import dataclasses
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features import extraction_run
from leukfeat.features.backbones import find_backbone
from leukfeat.features.engines import choice, converted_models, load_engine
from leukfeat.features.engines.converted_models import converted_folder
from leukfeat.features.engines.differences import difference_note, relative_difference
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import find_weights

openvino = pytest.importorskip("openvino")

from leukfeat.features.engines.openvino_engine import OpenvinoEngine  # noqa: E402

SIZE = 64
SOURCE = find_weights(find_backbone("resnet50"), "random", 5)
SPEC = FeatureSpec(
    weights="random",
    weights_digest=SOURCE.digest,
    layers=("conv3", "avg_pool"),
    input_size=(SIZE, SIZE),
    engine="openvino",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("converted"))


@pytest.fixture(autouse=True)
def _one_conversion(folder, monkeypatch):
    """Convert once for this file; engines are loaded anew."""
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", folder)
    monkeypatch.setattr(choice, "_loaded", choice._loaded.__class__())


@pytest.fixture(scope="module")
def pixels():
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, SIZE // 8, axis=1), SIZE // 8, axis=2)


@pytest.fixture(scope="module")
def reference(pixels):
    keras = load_engine(dataclasses.replace(SPEC, engine="keras"), SOURCE)
    return np.stack(list(keras.stream(pixels, 8)))


@pytest.fixture
def converted(pixels):
    """See that the network was converted and kept, and that nothing converts it again."""
    OpenvinoEngine(SPEC, SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(converted_models, "network_function", None)
        yield converted_folder(SPEC)


def rows_of(engine, pixels):
    return np.stack(list(engine.stream(pixels, 8)))


def largest_difference(a, b):
    return (np.abs(a - b).max(axis=1) / np.abs(b).max(axis=1)).max()


def test_float32_is_keras_after_saving_and_reading_back(converted, pixels, reference):
    rows = rows_of(OpenvinoEngine(SPEC, SOURCE), pixels)
    assert rows.dtype == np.float32
    assert rows.shape == reference.shape == (12, 512 + 2048)
    assert largest_difference(rows, reference) < 1e-5


def test_weights_are_kept_in_full(converted):
    # Rounded to float16 the file would be half as large.
    assert (converted / "model.bin").stat().st_size > 4 * 23_000_000


def test_bfloat16_is_close_and_is_not_float32(converted, pixels, reference):
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("no bfloat16 on this processor")
    spec = dataclasses.replace(SPEC, precision="bfloat16")
    rows = rows_of(OpenvinoEngine(spec, SOURCE), pixels)
    # This is also what float32 would be if it were not asked for by name.
    assert largest_difference(rows, reference) > 1e-4
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(reference, axis=1)
    assert (1 - (rows * reference).sum(axis=1) / lengths).max() < 1e-3


def test_how_far_bfloat16_lies_from_float32_is_said_once(converted, pixels, reference, caplog):
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("no bfloat16 on this processor")
    spec = dataclasses.replace(SPEC, precision="bfloat16")
    difference_note(spec).unlink(missing_ok=True)
    with caplog.at_level("WARNING", logger="leukfeat"):
        rows = rows_of(OpenvinoEngine(spec, SOURCE), pixels)
        assert len(rows) == len(pixels)
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 1
        assert "this is said once" in said[0]
        told = json.loads(difference_note(spec).read_text())["difference"]
        apart = relative_difference(reference[:8], rows[:8])
        assert 0 < told == pytest.approx(apart, rel=0.01)
        again = rows_of(OpenvinoEngine(spec, SOURCE), pixels)
        assert len(caplog.records) == 1
    np.testing.assert_array_equal(rows, again)


def test_bfloat16_is_refused_where_it_would_be_float32(converted, monkeypatch):
    class Old:
        def get_property(self, device, name):
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", Old)
    with pytest.raises(ValueError, match=r"'bfloat16' needs.*FP32.*float32"):
        OpenvinoEngine(dataclasses.replace(SPEC, precision="bfloat16"), SOURCE)


def test_a_plan_refuses_bfloat16_as_the_run_does(
    engine, converted, write_images, tmp_path, monkeypatch
):
    class Old:
        available_devices = ("CPU",)

        def get_property(self, device, name):
            return ["FP32", "INT8"]

    paths = write_images(2)
    extract(paths[:1], tmp_path / "cache", precision="bfloat16")
    monkeypatch.setattr(openvino, "Core", Old)
    monkeypatch.setattr(extraction_run, "load_engine", load_engine)
    said = set()
    for dry_run in (False, True):
        with pytest.raises(ValueError, match=r"'bfloat16' needs.*FP32") as refused:
            extract(paths, tmp_path / "cache", precision="bfloat16", dry_run=dry_run)
        said.add(str(refused.value))
    assert len(said) == 1
    # What is held needs no processor, and float32 any.
    held = extract(paths[:1], tmp_path / "cache", precision="bfloat16", dry_run=True)
    assert (held.rows_held, held.rows_missing) == (1, 0)
    assert extract(paths, dry_run=True).rows_missing == 2
    # What a cluster's workers can is not known here.
    monkeypatch.setattr(extraction_run, "count_workers", lambda: 2)
    assert extract(paths, precision="bfloat16", dry_run=True).rows_missing == 2


def test_bytes_do_not_depend_on_neighbours_or_streams(converted, pixels):
    whole = rows_of(OpenvinoEngine(SPEC, SOURCE, streams=2), pixels)
    single = OpenvinoEngine(SPEC, SOURCE, streams=1)
    assert np.array_equal(rows_of(single, pixels[::-1])[::-1], whole)
    assert np.array_equal(rows_of(single, pixels[7:8]), whole[7:8])


def test_what_is_computed_when_reading_fails_is_given_back(converted, pixels):
    def inputs():
        yield from pixels[:9]
        raise OSError("gone")

    got = []
    with pytest.raises(OSError, match="gone"):
        got.extend(OpenvinoEngine(SPEC, SOURCE).stream(inputs(), 8))
    assert 4 <= len(got) <= 9


def test_starting_needs_no_tensorflow(converted, pixels):
    code = (
        "import sys, numpy as np, leukfeat as lf\n"
        f"images = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(2, {SIZE}, {SIZE}, 3)\n"
        "f = lf.extract_features(images, weights='random', random_state=5, engine='openvino',\n"
        f"    layers=['conv3', 'avg_pool'], input_size={SIZE}, progress=False)\n"
        "assert f.spec.engine == 'openvino' and f.shape == (2, 2560)\n"
        "print([n for n in ('tensorflow', 'keras', 'sklearn', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pixels[:2].tobytes(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == b"[]"


def test_a_damaged_conversion_is_not_used(converted, monkeypatch):
    name = converted / "model.bin"
    original = name.read_bytes()
    name.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    monkeypatch.setattr(converted_models, "_convert", lambda spec, source: 1 / 0)
    try:
        with pytest.raises(ZeroDivisionError):
            OpenvinoEngine(SPEC, SOURCE)
    finally:
        name.write_bytes(original)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": ("conv4",)},
        {"weights_digest": "random-normal-1:6"},
        {"input_size": (32, 32)},
        {"pooling": "gem"},
        {"mask": "background"},
    ],
)
def test_another_network_has_another_folder(change):
    assert converted_folder(dataclasses.replace(SPEC, **change)) != converted_folder(SPEC)


def test_precision_crop_and_views_share_a_conversion():
    other = dataclasses.replace(SPEC, precision="bfloat16", crop=20, views="dihedral")
    assert converted_folder(other) == converted_folder(SPEC)


def test_a_folder_that_cannot_be_written_is_no_obstacle(converted, tmp_path, monkeypatch, caplog):
    core = openvino.Core()
    model = core.read_model(str(converted / "model.xml"))
    monkeypatch.setattr(converted_models, "_convert", lambda spec, source: (model, {"keras": "3"}))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "file"))
    assert converted_models.load_converted(SPEC, SOURCE, core) == (model, {"keras": "3"})
    assert "is not kept" in caplog.text


def test_a_disk_that_is_full_is_no_obstacle(converted, tmp_path, monkeypatch, caplog):
    core = openvino.Core()
    model = core.read_model(str(converted / "model.xml"))
    monkeypatch.setattr(converted_models, "_convert", lambda spec, source: (model, {"keras": "3"}))
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path))
    least = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, least[1]))
    try:
        found = converted_models.load_converted(SPEC, SOURCE, core)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, least)
        signal.signal(signal.SIGXFSZ, ignored)
    assert found == (model, {"keras": "3"})
    assert "is not kept" in caplog.text
    assert not [*tmp_path.glob("openvino/*")]


@pytest.mark.parametrize(("name", "length"), [("model.xml", 1000), ("model.bin", 1000)])
def test_a_file_cut_without_a_word_is_not_kept(
    converted, tmp_path, monkeypatch, caplog, name, length
):
    core = openvino.Core()
    model = core.read_model(str(converted / "model.xml"))
    save = openvino.save_model

    def save_and_cut(model, path, **settings):
        save(model, path, **settings)
        os.truncate(Path(path).with_name(name), length)

    monkeypatch.setattr(openvino, "save_model", save_and_cut)
    monkeypatch.setattr(converted_models, "_convert", lambda spec, source: (model, {"keras": "3"}))
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path))
    assert converted_models.load_converted(SPEC, SOURCE, core) == (model, {"keras": "3"})
    assert "is not kept" in caplog.text
    assert not [*tmp_path.glob("openvino/*")]


def extract(images, cache=None, **settings):
    return lf.extract_features(
        images, cache=cache, weights="random", input_size=32, progress=False, **settings
    )


def test_auto_takes_what_the_store_holds(engine, write_images, tmp_path):
    paths = write_images(4)
    by_keras = extract(paths, tmp_path / "cache", engine="keras")
    again = extract(paths, tmp_path / "cache")
    assert again.spec == by_keras.spec
    assert engine.computed == 4
    assert extract([*paths, *write_images(2, start=4)], tmp_path / "cache").spec.engine == "keras"
    assert engine.computed == 6
    assert extract(paths, tmp_path / "other").spec.engine == "openvino"


def test_without_openvino_auto_is_keras(engine, write_images, tmp_path, monkeypatch):
    paths = write_images(3)
    held = extract(paths, tmp_path / "cache", engine="openvino")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else find_spec(name)
    )
    assert extract(paths).spec.engine == "keras"
    # Rows that are there need no engine.
    assert extract(paths, tmp_path / "cache").spec == held.spec
    monkeypatch.setattr(extraction_run, "load_engine", load_engine)
    with pytest.raises(ImportError, match=r"'openvino'.*leukfeat\[fast\]"):
        extract(paths, engine="openvino")
    # What was asked for is named, not an engine that was not.
    for dry_run in (False, True):
        with pytest.raises(ImportError, match=r"^precision='bfloat16' needs.*leukfeat\[fast\]"):
            extract(paths, precision="bfloat16", dry_run=dry_run)


def test_keras_does_not_offer_bfloat16(engine, write_images):
    with pytest.raises(ValueError, match=r"'bfloat16' is offered by.*openvino.*keras"):
        extract(write_images(1), engine="keras", precision="bfloat16")
