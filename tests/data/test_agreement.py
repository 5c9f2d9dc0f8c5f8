import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from leukfeat.data import annotator_agreement, consensus_labels
from leukfeat.data.kappa import kappa_of_confusion, kappa_of_votes


def votes_of(counts):
    """Return ratings, a column an annotator, from the votes of each cell for each class."""
    rows = [np.repeat(np.arange(len(row)), row) for row in counts]
    return pd.DataFrame(rows, columns=[f"a{i}" for i in range(len(rows[0]))]).astype(str)


# Table 1 of the article in which Fleiss's kappa is usually shown: 10 cases, 14 raters, 5 classes.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def test_fleiss_worked_example():
    row = annotator_agreement(votes_of(FLEISS)).set_index("annotators").loc["all"]
    assert row["measure"] == "Fleiss's kappa"
    assert row["observed"] == pytest.approx(0.378, abs=5e-4)
    assert row["expected"] == pytest.approx(0.213, abs=5e-4)
    assert row["kappa"] == pytest.approx(0.210, abs=5e-4)
    assert row["cells"] == 10


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_equals_scikit_learn(weights):
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    ratings = pd.DataFrame({"ann": first.astype(str), "ben": second.astype(str)})
    row = annotator_agreement(ratings, weights=weights, class_names=list("0123")).iloc[0]
    assert row["kappa"] == pytest.approx(cohen_kappa_score(first, second, weights=weights))
    assert row["low"] < row["kappa"] < row["high"]


def test_fleiss_for_two_annotators_is_scotts_pi():
    first, second = [0, 0, 1, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0, 1, 0]
    votes = np.stack([np.bincount(pair, minlength=2) for pair in zip(first, second, strict=True)])
    pairs = (votes * (votes - 1)).sum(1) / 2
    sums = np.array([len(votes), pairs.sum(), *votes.sum(0)], float)
    share = votes.sum(0) / votes.sum()
    expected = (share**2).sum()
    pi = (np.mean(np.equal(first, second)) - expected) / (1 - expected)
    assert kappa_of_votes(sums)[2] == pytest.approx(pi)


def test_perfect_and_opposite_agreement():
    ratings = pd.DataFrame({"a": list("xyxy"), "b": list("xyxy"), "c": list("yxyx")})
    table = annotator_agreement(ratings).set_index("annotators")
    assert table.loc["a, b", "kappa"] == 1
    assert table.loc["a, c", "kappa"] == -1
    assert (table.loc["a, b", "low"], table.loc["a, b", "high"]) == (1, 1)


def test_one_class_only_has_no_kappa():
    row = annotator_agreement(pd.DataFrame({"a": list("xxx"), "b": list("xxx")})).iloc[0]
    assert row["observed"] == 1
    assert np.isnan(row["kappa"])
    assert np.isnan(row["low"])


def test_cells_that_one_did_not_rate_are_left_out_of_the_pair():
    ratings = pd.DataFrame(
        {"a": ["x", "y", "x", None], "b": ["x", "y", "", "y"], "c": ["x", np.nan, None, None]}
    )
    table = annotator_agreement(ratings).set_index("annotators")
    assert table["cells"].to_dict() == {"a, b": 2, "a, c": 1, "b, c": 1, "all": 2}
    assert np.isnan(table.loc["a, c", "low"])


def test_intervals_count_subjects_not_cells():
    rng = np.random.default_rng(1)
    truth = np.repeat(rng.integers(0, 2, 12), 40)
    # One annotator takes whole subjects for the other class, as one does with a stain.
    flipped = np.repeat(rng.random(12) < 0.25, 40)
    ratings = pd.DataFrame({"a": truth, "b": truth ^ flipped}).astype(str)
    subjects = np.repeat(np.arange(12), 40)
    cellwise = annotator_agreement(ratings).iloc[0]
    subjectwise = annotator_agreement(ratings, groups=subjects).iloc[0]
    assert (cellwise["groups"], subjectwise["groups"]) == (480, 12)
    assert cellwise["kappa"] == subjectwise["kappa"]
    width = [row["high"] - row["low"] for row in (cellwise, subjectwise)]
    assert width[1] > 3 * width[0]


def test_intervals_cover_the_kappa_of_a_known_model():
    # Two annotators who err independently with the rate e on balanced classes: (1 - 2 e)^2.
    rng = np.random.default_rng(2)
    error, true_kappa = 0.15, (1 - 2 * 0.15) ** 2
    covered = 0
    for _ in range(150):
        truth = rng.integers(0, 2, 80)
        ratings = [np.where(rng.random(80) < error, 1 - truth, truth) for _ in range(2)]
        row = annotator_agreement(pd.DataFrame(dict(zip("ab", ratings, strict=True)))).iloc[0]
        covered += row["low"] <= true_kappa <= row["high"]
    assert 0.9 <= covered / 150 <= 0.99


def test_weights_of_confusion_by_hand():
    table = np.array([[5, 2, 1], [1, 6, 2], [0, 1, 7]])
    share = table / table.sum()
    chance = np.outer(share.sum(1), share.sum(0))
    disagreement = (np.subtract.outer(range(3), range(3)) / 2) ** 2
    expected = 1 - (share * disagreement).sum() / (chance * disagreement).sum()
    assert kappa_of_confusion(table, weights="quadratic")[2] == pytest.approx(expected)


def test_wrong_arguments():
    ratings = pd.DataFrame({"a": list("xy"), "b": list("xy")})
    for arguments, message in [
        ({"ratings": ratings[["a"]]}, "at least 2 annotators"),
        ({"ratings": ratings.to_numpy()}, "'ratings'"),
        ({"ratings": pd.DataFrame({"a": [None], "b": [None]})}, "no label"),
        ({"groups": ["s"]}, "'groups' has 1 entries"),
        ({"groups": ["s", None]}, "'groups' is missing for 1"),
        ({"class_names": ["x"]}, r"\['y'\], not among"),
        ({"weights": "linear"}, "needs 'class_names'"),
        ({"weights": "cubic", "class_names": list("xy")}, "'weights' parameter"),
        ({"level": 95}, "'level'"),
    ]:
        with pytest.raises(ValueError, match=message):
            annotator_agreement(**{"ratings": ratings, **arguments})


def test_consensus():
    ratings = pd.DataFrame(
        {
            "a": ["x", "x", "x", None, None],
            "b": ["x", "y", "y", "y", None],
            "c": ["y", "x", "z", None, ""],
        },
        index=list("pqrst"),
    )
    table = consensus_labels(ratings)
    assert table["label"].tolist() == ["x", "x", None, "y", None]
    assert table["votes"].tolist() == [3, 3, 3, 1, 0]
    assert table["share"].tolist()[:4] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1])
    assert list(table.index) == list("pqrst")
    assert consensus_labels(ratings, min_share=0.9)["label"].tolist() == [None] * 3 + ["y", None]
    for share in (0.4, 1.0):
        with pytest.raises(ValueError, match="'min_share'"):
            consensus_labels(ratings, min_share=share)


def test_a_table_with_a_row_a_rating_is_sent_to_pivot():
    long = pd.DataFrame(
        {
            "image": ["1.png", "1.png", "2.png", "2.png"],
            "annotator": ["ann", "ben"] * 2,
            "label": ["blast", "blast", "normal", "blast"],
        }
    )
    says = r"ratings\.pivot\(index='image', columns='annotator', values='label'\)"
    for of in (annotator_agreement, consensus_labels):
        with pytest.raises(ValueError, match=says):
            of(long)
    wide = long.pivot_table(index="image", columns="annotator", values="label", aggfunc="first")
    assert annotator_agreement(wide)["observed"].tolist() == [0.5]
