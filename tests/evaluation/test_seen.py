"""A test on cells that the backbone itself was trained on says so."""

import hashlib
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import FeatureSet, FeatureSpec, cross_validate_heads, evaluate, fit_head
from leukfeat.exceptions import LeakageWarning, SeenByBackboneWarning
from leukfeat.features.seen_data import SeenData, remember_seen, seen_by


def digest_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


def features_of(spec, name="cells", start=0):
    rng = np.random.default_rng(start)
    y = np.repeat(np.arange(20) % 2, 5)
    return FeatureSet(
        rng.normal(size=(100, 4)) + y[:, None],
        y,
        subjects=np.repeat([f"S{start + i}" for i in range(20)], 5),
        ids=[f"{start + i:064x}" for i in range(100)],
        spec=spec,
        class_names=("hem", "all"),
        positive="all",
        name=name,
    )


def spec_of(digest, seen):
    remember_seen(digest, seen)
    return FeatureSpec(weights="file", weights_digest=digest)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (SeenData(datasets=("c-nmc-2019", "pbc")), r"'C-NMC 2019 train' \(trained on c-nmc-2019\)"),
        (SeenData(subjects=frozenset({digest_of("S103")})), r"1 subjects of these cells \(S103\)"),
        (SeenData(ids=frozenset(f"{i:064x}" for i in range(190, 210))), "10 of 100 images"),
    ],
)
def test_a_backbone_that_has_seen_the_test_warns_and_is_noted(seen, words):
    spec = spec_of(f"sha256:{words}", seen)
    head = fit_head(features_of(spec), "logistic_regression", tune=False)
    test = features_of(spec, "C-NMC 2019 train", start=100)
    with pytest.warns(SeenByBackboneWarning, match=words):
        result = evaluate(head, test)
    assert [note for note in result.notes if note.startswith("seen:")]
    assert "seen: the weights of 'resnet50'" in result.to_markdown()
    with pytest.warns(SeenByBackboneWarning, match=words):
        comparison = cross_validate_heads(test, LogisticRegression())
    assert any(note.startswith("seen:") for note in comparison.notes)
    assert issubclass(SeenByBackboneWarning, LeakageWarning)


def test_other_cells_do_not_warn():
    seen = SeenData(
        datasets=("all-idb1",),
        subjects=frozenset({digest_of("other")}),
        ids=frozenset({"ff" * 32}),
    )
    spec = spec_of("sha256:quiet", seen)
    head = fit_head(features_of(spec), "logistic_regression", tune=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SeenByBackboneWarning)
        result = evaluate(head, features_of(spec, "C-NMC 2019 train", start=100))
    assert not [note for note in result.notes if note.startswith("seen:")]


@pytest.mark.parametrize(
    ("dataset", "names", "found"),
    [
        ("C-NMC 2019 train", ["c-nmc-2019"], True),
        ("C-NMC 2019", ["CNMC 2019"], True),
        ("cnmc_2019", ["c-nmc-2019"], True),
        ("PBC+C-NMC 2019 prelim", ["c-nmc-2019"], True),
        ("C-NMC 2019", ["c-nmc-2019-train"], True),
        ("C-NMC", ["c-nmc-2019-train"], True),
        ("C-NMC 2019 prelim", ["c-nmc-2019-train"], False),
        ("PBC", ["pbc-2020"], True),
        ("ALL-IDB1", ["all-idb2"], True),
        ("ALL-IDB2", ["all-idb1 train"], True),
        ("all", ["all-idb2"], False),
        ("ALL-IDB10", ["all-idb1"], False),
        ("ALL-IDB1", ["all-idb10"], False),
        ("cells", ["c-nmc-2019", "imagenet", "--"], False),
        ("", ["pbc"], False),
    ],
)
def test_names_are_compared_by_words(dataset, names, found):
    assert bool(SeenData(datasets=tuple(names)).named(dataset)) == found


def test_what_is_known_of_weights_adds_up():
    remember_seen("sha256:twice", SeenData(datasets=("a",), ids=frozenset({"1"})))
    remember_seen("sha256:twice", SeenData(datasets=("b", "a"), subjects=frozenset({"2"})))
    seen = seen_by(FeatureSpec(weights="file", weights_digest="sha256:twice"))
    assert seen == SeenData(datasets=("a", "b"), ids=frozenset({"1"}), subjects=frozenset({"2"}))
    assert SeenData.from_dict(seen.to_dict()) == seen
    assert seen_by(FeatureSpec()).datasets == ("imagenet",)
    assert seen_by(FeatureSpec(weights="random", weights_digest="random-normal-1:0")) == SeenData()
