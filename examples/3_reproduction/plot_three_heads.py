"""
The published route: ResNet50, three heads
==========================================

Deep features of a frozen ResNet50, classified by a support vector machine, a random forest and
logistic regression, beside what the literature reports for it. With C-NMC 2019 on disk the same
calls take ``lf.load_cnmc("C-NMC_training_data")``.
"""

# %%
import leukfeat as lf

cells = lf.make_cells(n_subjects=24, n_cells=240, size=96, random_state=2)
features = lf.extract_features(
    cells, weights="random", layers="conv3", input_size=96, progress=False
)

# %%
# By patient, as a new patient would be met:

heads = ["svm", "random_forest", "logistic_regression"]
by_patient = lf.cross_validate_heads(features, heads, n_splits=4, cv=3)
by_patient.table

# %%
# As most of the literature does it. ``split="random"`` has to be said in so many words, and the
# result carries the note.

at_random = lf.cross_validate_heads(features, heads, n_splits=4, cv=3, split="random")
print(at_random.notes)
at_random.table
