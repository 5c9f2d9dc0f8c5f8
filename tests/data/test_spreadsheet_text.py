import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukfeat.data.spreadsheet_text import guard_formulas, unguard_formulas

DANGEROUS = (
    '=HYPERLINK("http://example.org","x")',
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\r1",
    "\n1",
    "＝1",
)


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_is_made_text(text):
    assert guard_formulas(pd.Series([text])).tolist() == ["'" + text]


@pytest.mark.parametrize("text", ["H10", "a-b", "1=2", "C:\\x\\=y", "'quoted'", ""])
def test_plain_text_is_left_alone(text):
    assert guard_formulas(pd.Series([text])).tolist() == [text]


def test_missing_values_stay_missing():
    for change in (guard_formulas, unguard_formulas):
        assert change(pd.Series(["=1", None], dtype=object)).isna().tolist() == [False, True]
        assert change(pd.Series([], dtype=object)).tolist() == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="'=+-@ \t\nab1＝", max_size=6)))
def test_guarding_can_be_undone(texts):
    column = pd.Series(texts, dtype=object)
    guarded = guard_formulas(column)
    assert not guarded.str.match(r"\s*[=+\-@＝]").any()
    assert unguard_formulas(guarded).tolist() == texts
