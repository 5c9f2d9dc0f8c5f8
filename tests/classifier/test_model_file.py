"""A model file gives back the same predictions, and runs nothing."""

import io
import json
import pickle
import zipfile

import h5py
import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
)

from leukfeat.classifier import CellClassifier, ModelFileError, load_model, save_model
from leukfeat.features import seen_data
from leukfeat.heads import fit_head, registered_heads
from leukfeat.heads.selection import SELECTORS
from leukfeat.safe_archive import UnsafeArchiveError
from leukfeat.splitting import SubjectKFold


@pytest.fixture(scope="module")
def classifier(made_features):
    return CellClassifier(fit_head(made_features, "svm", tune=False), made_features)


@pytest.fixture
def model_file(classifier, tmp_path):
    return save_model(classifier, tmp_path / "svm.leukfeat")


def rewritten(path, **changes):
    """Write the file again with some members changed, their digests set right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members["model.json"])
    for name, content in changes.items():
        name = name.replace("_dot_", ".")
        if name == "about":
            about |= content
            continue
        members[name] = content
        import hashlib

        about["members"][name] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
    members["model.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


SELECTED = [f"{selector}3+naive_bayes" for selector in SELECTORS] + ["anova+random_forest"]
PLAIN = [name for name in registered_heads() if not name.endswith("_example")]


@pytest.mark.parametrize("name", PLAIN + SELECTED)
def test_every_head_predicts_the_same_after_loading(name, made_features, tmp_path):
    head = fit_head(made_features, name, tune=False)
    classifier = CellClassifier(head, made_features)
    again = load_model(save_model(classifier, tmp_path / "model.leukfeat"))
    before, after = classifier.predict(made_features), again.predict(made_features)
    assert after["label"].tolist() == before["label"].tolist()
    np.testing.assert_allclose(after["p_all"], before["p_all"], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(after["distance"], before["distance"])
    assert again.spec == classifier.spec
    assert again.head.train_subjects_ == head.train_subjects_


@pytest.mark.parametrize(
    "cv",
    [
        StratifiedGroupKFold(3),
        GroupKFold(3),
        LeaveOneGroupOut(),
        SubjectKFold(3),
    ],
)
def test_a_head_keeps_its_splitter(cv, made_features, tmp_path):
    head = fit_head(made_features, "naive_bayes", cv=cv)
    again = load_model(save_model(head, tmp_path / "a.leukfeat"))
    assert type(again.head.cv) is type(cv)


def test_subjects_are_not_named_in_the_file(classifier, tmp_path):
    content = save_model(classifier, tmp_path / "a.leukfeat").read_bytes()
    assert b"s12" not in content


def test_the_user_s_weights_travel_with_the_model(cells, tmp_path, monkeypatch):
    from keras.applications import ResNet50

    from leukfeat.features import extract_features

    weights = tmp_path / "own.weights.h5"
    ResNet50(include_top=False, weights=None, input_shape=(48, 48, 3), pooling="avg").save_weights(
        weights
    )
    facts = json.dumps({"record": {"datasets": ["some-cells"]}}).encode()
    with h5py.File(weights, "r+") as file:  # as fine_tune_backbone writes them
        file[seen_data.FACTS] = np.frombuffer(facts, np.uint8)
    given = {"layers": "conv2", "input_size": 48, "progress": False}
    features = extract_features(cells, weights=weights, **given)
    head = fit_head(features, "logistic_regression", tune=False)
    with pytest.raises(ValueError, match="weights=PATH"):
        save_model(head, tmp_path / "model.leukfeat")
    path = save_model(CellClassifier(head, features, weights=weights), tmp_path / "model.leukfeat")
    expected = CellClassifier(head, features, weights=weights).predict(features)
    weights.unlink()
    monkeypatch.setattr(seen_data, "_by_digest", {})  # as in a new process
    again = load_model(path)
    assert seen_data.seen_by(again.spec).datasets == ("some-cells",)
    found = again.predict(cells[:3], progress=False)
    np.testing.assert_allclose(found["p_all"], expected["p_all"][:3], atol=1e-5)


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
def test_a_pickle_is_refused_and_does_not_run(dump, tmp_path):
    mark = tmp_path / "mark"
    with open(tmp_path / "model.leukfeat", "wb") as file:
        dump(Payload(mark), file)
    with pytest.raises(ModelFileError, match="trusted=True"):
        load_model(tmp_path / "model.leukfeat")
    assert not mark.exists()


def test_one_s_own_pickle_can_be_read_in_so_many_words(classifier, tmp_path):
    joblib.dump(classifier, tmp_path / "model.joblib")
    assert load_model(tmp_path / "model.joblib", trusted=True).spec == classifier.spec


class Foreign:
    """A type that nobody vouched for."""


def test_a_foreign_type_is_refused_and_named(model_file):
    rewritten(model_file, head_dot_skops=skops.io.dumps(Foreign()))
    with pytest.raises(ModelFileError, match=r"Foreign'\]"):
        load_model(model_file)


def test_a_foreign_type_is_not_saved(made_features, tmp_path):
    head = fit_head(made_features, "svm", tune=False)
    head.note = Foreign()
    with pytest.raises(ModelFileError, match="Foreign"):
        save_model(head, tmp_path / "model.leukfeat")
    assert not list(tmp_path.iterdir())


def as_another_scikit_learn_wrote_it(path):
    """Give a compiled part of boosted trees another name, as scikit-learn 1.7 and 1.9 do."""
    with zipfile.ZipFile(path) as archive:
        head = archive.read("head.skops")
    with zipfile.ZipFile(io.BytesIO(head)) as inner:
        members = {name: inner.read(name) for name in inner.namelist()}
    schema = members["schema.json"]
    for name in (b'"sklearn._loss._loss"', b'"_loss"'):
        schema = schema.replace(name, b'"_loss_then"')
    assert schema != members["schema.json"]
    members["schema.json"] = schema
    older = io.BytesIO()
    with zipfile.ZipFile(older, "w") as inner:
        for name, content in members.items():
            inner.writestr(name, content)
    return rewritten(path, head_dot_skops=older.getvalue())


def test_a_model_that_this_scikit_learn_cannot_read_names_the_version_that_can(
    made_features, tmp_path
):
    path = tmp_path / "boosted.leukfeat"
    save_model(fit_head(made_features, "gradient_boosting", tune=False), path)
    as_another_scikit_learn_wrote_it(path)
    own = "_loss_then.CyHalfBinomialLoss"
    with pytest.raises(ModelFileError, match=rf"trusted_types=\['{own}'\]"):
        load_model(path)  # the version is right: it is somebody's own type
    rewritten(path, about={"versions": {"scikit-learn": "1.6.1"}})
    says = (
        rf"written with scikit-learn 1\.6\.1, and scikit-learn {sklearn.__version__}, which is "
        r"installed, cannot read it .*Load it in an environment with scikit-learn 1\.6\.1, or fit "
        "the head again"
    )
    for trusted_types in ((), (own,)):
        with pytest.raises(ModelFileError, match=says) as refusal:
            load_model(path, trusted_types=trusted_types)
        assert "trusted_types" not in str(refusal.value)


def test_a_module_that_a_file_names_is_not_imported(made_features, tmp_path, monkeypatch):
    """skops 0.13 imported it before it was asked whether the type is trusted."""
    path = tmp_path / "boosted.leukfeat"
    save_model(fit_head(made_features, "gradient_boosting", tune=False), path)
    as_another_scikit_learn_wrote_it(path)
    mark = tmp_path / "mark"
    own = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nclass CyHalfBinomialLoss: pass\n"
    (tmp_path / "_loss_then.py").write_text(own)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelFileError, match="_loss_then"):
        load_model(path)
    assert not mark.exists()


def test_a_head_that_fails_while_it_is_read_names_the_version_too(model_file, monkeypatch):
    def renamed(*args, **kwargs):
        raise AttributeError("type object 'SVC' has no attribute 'renamed'")

    monkeypatch.setattr(skops.io, "loads", renamed)
    with pytest.raises(ModelFileError, match=r"is damaged, or was made by hand.*'renamed'"):
        load_model(model_file)
    rewritten(model_file, about={"versions": {"scikit-learn": "1.6.1"}})
    with pytest.raises(ModelFileError, match=r"scikit-learn 1\.6\.1, and .*attribute 'renamed'"):
        load_model(model_file)


@pytest.mark.parametrize(
    "versions", [None, {}, {"scikit-learn": 17}, {"scikit-learn": "1.7; rm x"}]
)
def test_a_version_that_is_none_is_not_repeated(model_file, versions):
    rewritten(model_file, about={"versions": versions}, head_dot_skops=skops.io.dumps(Foreign()))
    with pytest.raises(ModelFileError, match="not know to be safe") as refusal:
        load_model(model_file)
    assert "rm x" not in str(refusal.value)


def test_a_foreign_type_in_an_older_file_stays_foreign(model_file):
    about = {"versions": {"scikit-learn": "1.6.1"}}
    rewritten(model_file, about=about, head_dot_skops=skops.io.dumps(Foreign()))
    with pytest.raises(ModelFileError, match=r"Foreign'\]\. Only if you trust its author"):
        load_model(model_file)


class Halfway(BaseEstimator, ClassifierMixin):
    """A classifier of the user's own."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.middle_ = X.mean()
        return self

    def decision_function(self, X):
        return X.mean(axis=1) - self.middle_


def test_a_type_of_one_s_own_is_saved_and_loaded_in_so_many_words(made_features, tmp_path):
    head = fit_head(made_features, Halfway())
    path, own = tmp_path / "own.leukfeat", [f"{__name__}.Halfway"]
    with pytest.raises(ModelFileError, match=r"save and load it with trusted_types=.*Halfway"):
        save_model(head, path)
    save_model(head, path, trusted_types=own)
    with pytest.raises(ModelFileError, match="Halfway"):
        load_model(path)
    again = load_model(path, trusted_types=own)
    np.testing.assert_array_equal(again.head.predict(made_features), head.predict(made_features))


def test_damage_is_noticed(model_file):
    content = bytearray(model_file.read_bytes())
    with zipfile.ZipFile(model_file) as archive:
        start = archive.getinfo("head.skops").header_offset
    content[start + 2000] ^= 1
    model_file.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(model_file)


@pytest.mark.parametrize("length", [0, 10, 500])
def test_a_cut_file_is_refused(model_file, length):
    model_file.write_bytes(model_file.read_bytes()[:length])
    with pytest.raises(ModelFileError):
        load_model(model_file)


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"format": "other"}, "not one that leukfeat wrote"),
        ({"format_version": 3}, "Upgrade leukfeat"),
        ({"members": {}}, "holds no head"),
        ({"members": {"head.skops": {"sha256": "00", "bytes": 1}}}, "more than the 1 announced"),
    ],
)
def test_what_the_description_promises_is_checked(model_file, about, says):
    with pytest.raises(ValueError, match=says):
        load_model(rewritten(model_file, about=about))


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "extra.bin"])
def test_a_member_that_leads_elsewhere_is_refused(model_file, name):
    with zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(UnsafeArchiveError, match="has no place in it"):
        load_model(model_file)


def test_a_bomb_is_refused_before_it_grows(model_file):
    with zipfile.ZipFile(model_file) as archive:
        members = {n: archive.read(n) for n in archive.namelist() if n != "reference.npz"}
    with zipfile.ZipFile(model_file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("reference.npz", bytes(50_000_000))
    with pytest.raises(UnsafeArchiveError, match="in compressed form"):
        load_model(model_file)


def test_an_array_that_promises_more_than_it_holds_is_refused(model_file):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as inner, inner.open("cells.npy", "w") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 1 << 40)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UnsafeArchiveError, match="cannot hold"):
        load_model(rewritten(model_file, reference_dot_npz=held.getvalue()))


def test_a_missing_file_and_folder_are_named(classifier, tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_model(tmp_path / "none.leukfeat")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_model(classifier, tmp_path / "none" / "a.leukfeat")


def test_a_folder_given_as_a_model_is_said_to_be_one(tmp_path):
    with pytest.raises(ModelFileError, match=r"is a folder.*before the cells"):
        load_model(tmp_path)


def test_a_head_without_a_space_cannot_be_a_classifier(made_features):
    head = fit_head(made_features.X, made_features.y, "svm", tune=False)
    with pytest.raises(ValueError, match="whose space is known"):
        save_model(head, "never.leukfeat")
