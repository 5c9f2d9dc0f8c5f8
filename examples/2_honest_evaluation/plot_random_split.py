"""
What a random split adds
========================

The same recipe is cross-validated twice: once with cells dealt out at random, so that cells of one
patient stand on both sides, and once by patient. The gap is what the first number owes to
recognising patients.
"""

# %%
import leukfeat as lf

cells = lf.make_cells(n_subjects=30, n_cells=360, size=96, random_state=1)
features = lf.extract_features(
    cells, weights="random", layers="conv3", input_size=96, progress=False
)
meter = lf.leakage_meter(features, "svm", n_splits=4)
meter

# %%
print(meter.verdict)
meter.plot()

# %%
# Several heads by patient
# ------------------------
# The control heads stand beside them without being asked for. A head that does not beat colour
# alone has learnt the stain.

comparison = lf.cross_validate_heads(features, ["svm", "logistic_regression"], n_splits=4)
comparison

# %%
# Is one better than the other? Signs are flipped by patient, and the p-values are corrected for the
# number of pairs; ``detectable`` is the smallest difference that so few patients could have shown.

comparison.differences().round(3)

# %%
# Patient by patient
# ------------------

comparison["svm"].plot_per_subject()
