import numpy as np
import pytest

from leukfeat.recipes import load_matrix, make_expression_matrix


def test_columns_find_their_places(tmp_path):
    path = tmp_path / "genes.csv"
    path.write_text(
        "sample,disease,patient,G1,G2,site\n"
        "a,AML,p1,1.5,2,x\nb,normal,p2,2.5,3,y\nc,,p1,3.5,4,x\nd,normal,p3,4,5,x\n"
    )
    features = load_matrix(path, label="disease", subject="patient", positive="AML")
    assert features.class_names == ("AML", "normal")
    assert features.y.tolist() == [0, 1, -1, 1]
    assert features.X.tolist() == [[1.5, 2], [2.5, 3], [3.5, 4], [4, 5]]
    assert features.feature_names == ("G1", "G2")
    assert features.subjects.tolist() == ["p1", "p2", "p1", "p3"]
    assert list(features.columns.columns) == ["sample", "site"]
    assert features.positive == "AML"


def test_without_patients_every_row_is_one(tmp_path):
    path = tmp_path / "genes.csv"
    path.write_text("label,G1\nA,1\nB,2\n")
    assert len(set(load_matrix(path).subjects)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,G1\nA,1\n", "no column 'label'"),
        ("label,G1\nA,x\n", "no column of numbers"),
        ("label,G1,G2\nA,1,\nB,2,3\n", "missing values in 1 features \\(G2\\)"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, message):
    path = tmp_path / "genes.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_matrix(path)
    with pytest.raises(FileNotFoundError):
        load_matrix(tmp_path / "none.csv")


def test_patients_and_classes_are_the_text_that_stands_there(tmp_path):
    path = tmp_path / "genes.csv"
    path.write_text("label,subject,G1\n01,007,1\n1,7,2\nNA,NA,3\n")
    features = load_matrix(path)
    assert features.subjects.tolist() == ["007", "7", "NA"]
    assert features.class_names == ("01", "1")
    assert features.y.tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"label,G1\nA,\xff\n", "is not UTF-8 text"),
        (b"label,G1\nA,1,2\n", "is not a table"),
        (b"label,G1\nA,1\nB,inf\n", "line 3: the feature 'G1' is inf"),
        (b"label,G1\nA,-1e39\nB,1\n", "line 2: the feature 'G1' is -1e"),
        (b"label,subject,G1\nA,p1,1\nB,,2\n", "does not say whose 1 of its rows .* lines 3"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path, content, message):
    path = tmp_path / "genes.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_matrix(path)
    assert "genes.csv" in str(error.value)


def test_the_made_table_has_what_was_asked_for():
    one, same, other = (make_expression_matrix(64, 300, random_state=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.X, same.X)
    assert (one.X != other.X).any()
    assert one.y.sum() == 26
    strong = make_expression_matrix(400, 300, n_informative=10, effect=3.0)
    gaps = abs(strong.X[strong.y == 1].mean(axis=0) - strong.X[strong.y == 0].mean(axis=0))
    assert (gaps > 1.5).sum() == 10
    nothing = make_expression_matrix(400, 300, n_informative=0)
    gaps = abs(nothing.X[nothing.y == 1].mean(axis=0) - nothing.X[nothing.y == 0].mean(axis=0))
    assert gaps.max() < 0.8
