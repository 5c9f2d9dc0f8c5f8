"""
From cells to a result in five lines
====================================

Images in, cached features, a tuned head, and its result on patients that it never saw.
"""

# %%
# Cells
# -----
# A :class:`~leukfeat.CellDataset` is a table: one row a cell, with its label and its patient.
# These are drawn by rule; :func:`~leukfeat.load_cnmc`, :func:`~leukfeat.load_folder` and
# :func:`~leukfeat.load_csv` give the same object from files.

import tempfile

import leukfeat as lf

cells = lf.make_cells(n_subjects=24, n_cells=240, size=96, random_state=0)
cells

# %%
cells.summary()

# %%
# Features
# --------
# With ``cache=``, rows are kept as they are computed, under the digest of each image's pixels:
# the second call reads.

cache = tempfile.mkdtemp()
small = {"weights": "random", "layers": "conv3", "input_size": 96, "progress": False}
features = lf.extract_features(cells, cache=cache, **small)
features

# %%
# A head
# ------
# Tuned, calibrated and given its threshold by patient, on training patients only.

train = cells.column("fold") != "fold_0"
head = lf.fit_head(features[train], "svm")
head.best_params_

# %%
# The result
# ----------
# By patient, with intervals, beside the heads that saw only colour or only size.

result = lf.evaluate(head, features[~train])
result

# %%
result.plot_roc()

# %%
# Several heads
# -------------
# Combined from what each says of patients that it had not seen; compared with the best of them in
# outer folds. It says itself if one head was enough.

ensemble = lf.fit_ensemble(
    features[train], heads=["svm", "naive_bayes"], tune=False, nested=3, controls=False
)
ensemble

# %%
# One file
# --------
# A classifier is the head and the extractor that feeds it, in one file without a pickle.

classifier = lf.CellClassifier(head, features[train])
path = lf.save_model(classifier, f"{cache}/quick-start.leukfeat")
lf.load_model(path).predict(cells[~train][:5], progress=False)
