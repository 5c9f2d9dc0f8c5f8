"""
Hand-crafted features beside deep ones
======================================

Size, shape, texture and colour of a cell are measured, kept under their names, and put beside what a
network sees. The question is always the same: does it hold for patients that were not trained on?
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

import leukfeat as lf

cells = lf.make_cells(n_subjects=20, n_cells=80, size=96, random_state=3)
measured = lf.extract_handcrafted(cells, progress=False)
measured

# %%
# Every column has a name, and the name its unit. The scale of these cells is known, so lengths are in
# micrometres.

names = list(measured.feature_names)
ratio = measured.X[:, names.index("nucleus_cell_ratio")]
area = measured.X[:, names.index("nucleus_area_um2")]
for label, name in enumerate(measured.class_names):
    plt.scatter(area[measured.y == label], ratio[measured.y == label], label=name, s=15)
plt.xlabel("area of the nucleus (µm²)")
plt.ylabel("nucleus / cell (areas)")
plt.legend()

# %%
# Beside the network
# ------------------
# The columns of both are joined by the digests of the cells' pixels. A head that was fit on the join
# refuses anything else.

deep = lf.extract_features(cells, weights="random", layers="conv2", input_size=64, progress=False)
both = lf.join_features(deep, measured)
spaces = {"deep": deep, "hand-crafted": measured, "both": both}
for name, features in spaces.items():
    result = lf.cross_validate_heads(features, ["logistic_regression"], n_splits=3, tune=False)
    print(f"{name:14}", result["logistic_regression"]["balanced_accuracy"])

# %%
# What separates the classes most, over patients
# ----------------------------------------------
# Means over each patient's cells, so that no patient counts twice; the difference in units of the spread
# between patients. It is a description of these cells, not a test: features are many and patients few.

subjects = np.unique(measured.subjects.astype(str))
mean = np.stack([measured.X[measured.subjects == s].mean(axis=0) for s in subjects])
label = np.array([measured.y[measured.subjects == s][0] for s in subjects])
spread = mean.std(axis=0)
gap = (mean[label == 1].mean(axis=0) - mean[label == 0].mean(axis=0)) / np.where(
    spread > 0, spread, 1
)
for place in np.argsort(-np.abs(gap))[:8]:
    print(f"{gap[place]:+.2f}  {names[place]}")
