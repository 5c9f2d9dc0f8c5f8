import numpy as np
import pandas as pd
import pytest

from leukfeat.metrics import Interval
from leukfeat.reporting import (
    Curve,
    caption,
    draw_confusion,
    draw_curves,
    draw_forest,
    draw_gap,
    draw_per_subject,
    new_figure,
)


def _interval(estimate, reach):
    return Interval(estimate=estimate, low=estimate - reach, high=estimate + reach)


def _inside(figure):
    """Whatever is drawn is inside the page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn, slack = figure.get_tightbbox(canvas.get_renderer()), 0.03
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -slack
    assert drawn.y0 >= -slack
    assert drawn.x1 <= width + slack
    assert drawn.y1 <= height + slack


def test_curves():
    x = np.linspace(0, 1, 11)
    figure = draw_curves(
        [
            Curve(
                "svm",
                x,
                x**0.2,
                "0.913 (0.880 to 0.941)",
                x**0.3,
                x**0.1,
                (0.2, 0.7),
                (0.1, 0.3, 0.6, 0.8),
            ),
            Curve("colour only", x, x**0.7, "0.600 (0.500 to 0.700)"),
        ],
        positive="all",
        text=caption(1867, 28, "95 % intervals by subject"),
    )
    ax = figure.axes[0]
    grey = next(line for line in ax.lines if line.get_label().startswith("colour only"))
    assert grey.get_color() == "#7F7F7F"
    assert "cells of all found" in ax.get_ylabel()
    assert "1,867 cells of 28 subjects" in figure.get_supxlabel()
    _inside(figure)


def test_a_figure_can_be_drawn_in_ones_own_axes():
    figure, (left, right) = new_figure(2, width=8, height=4)
    x = np.linspace(0, 1, 5)
    assert draw_curves([Curve("svm", x, x)], ax=left) is figure
    assert draw_confusion(np.eye(2), ["a", "b"], ax=right) is figure
    assert left.lines
    assert right.images


def test_confusion_counts_and_shares():
    figure = draw_confusion(
        np.array([[90, 10], [20, 60]]), ["hem", "all"], row_notes=["5 subjects", ""]
    )
    shown = [t.get_text() for t in figure.axes[0].texts]
    assert {"90", "90.0 %", "10", "10.0 %", "25.0 %", "75.0 %"} <= set(shown)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "hem\n5 subjects"
    many = draw_confusion(np.eye(9) * 50.5, [f"a long class name {i}" for i in range(9)])
    assert "50.5" in [t.get_text() for t in many.axes[0].texts]
    _inside(many)


def test_per_subject_marks_are_sorted_and_named():
    table = pd.DataFrame(
        {
            "subject": [f"H{i}" for i in range(6)],
            "class": ["hem"] * 3 + ["all"] * 3,
            "n_cells": [10, 200, 30, 40, 50, 60],
            "right": [0.9, 0.5, 1.0, 0.7, 0.8, 0.6],
            "low": [0.6, 0.4, 0.9, 0.5, 0.7, 0.5],
            "high": [1.0, 0.6, 1.0, 0.8, 0.9, 0.7],
        }
    )
    figure = draw_per_subject(table, means={"hem": _interval(0.8, 0.1)}, text=caption(390, 6))
    left = figure.axes[0]
    assert [t.get_text() for t in left.get_xticklabels()] == ["H1", "H0", "H2"]
    assert "0.800 (0.700 to 0.900)" in left.get_xlabel()
    assert left.get_title(loc="left") == "hem: 3 subjects"
    _inside(figure)


def test_forest_has_a_row_for_each_head():
    table = pd.DataFrame(
        [
            {"head": head, "metric": metric, "estimate": v, "low": v - 0.1, "high": v + 0.1}
            for metric in ("AUROC", "balanced accuracy")
            for head, v in (("svm", 0.9), ("logistic_regression", 0.85), ("colour only", 0.6))
        ]
    )
    figure = draw_forest(table, text=caption(100, None))
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["svm", "logistic_regression", "colour only"]
    assert "subjects not known" in figure.get_supxlabel()
    _inside(figure)


@pytest.mark.parametrize("gap", [0.06, -0.02])
def test_the_gap_is_written_out(gap):
    rows = [("svm", _interval(0.91 + gap, 0.01), _interval(0.91, 0.03))]
    rows.append(("colour only", _interval(0.7, 0.05), _interval(0.6, 0.1)))
    figure = draw_gap(rows, _interval(gap, 0.03), metric="AUROC", text=caption(100, 10))
    assert any(f"gap {gap:+.3f}" in t.get_text() for t in figure.axes[0].texts)
    _inside(figure)


def test_a_gap_without_an_interval():
    none = Interval(estimate=0.1, low=np.nan, high=np.nan)
    figure = draw_gap([("svm", none, none)], none, metric="AUROC")
    assert "gap +0.100" in [t.get_text() for t in figure.axes[0].texts]


def test_the_users_settings_are_left_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw_confusion(np.eye(2), ["a", "b"])
    assert dict(mpl.rcParams) == before
