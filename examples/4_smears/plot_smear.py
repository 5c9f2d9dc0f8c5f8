"""
From a field to its doubtful cells
==================================

The cells of a procedural smear field are counted and drawn; its white cells are classified, and
the number of suspicious ones is given with an interval that holds the errors of both steps.
"""

# %%
# Count
# -----
# Nothing needs to be known of the scale: the size of the red cells is measured in the field.

import matplotlib.pyplot as plt

import leukfeat as lf
from leukfeat.data.procedural import make_smear

smear = make_smear(6, 40, 4, size=(480, 640), um_per_px=0.15, random_state=2)
print(smear)
print(lf.count_cells(smear.image))

# %%
# Where they are
# --------------

cells = lf.find_cells(smear.image, types=("white", "red", "platelet"))
plt.imshow(lf.draw_cells(smear.image, cells))
plt.axis("off")
plt.show()

# %%
# Classify
# --------
# The classifier must have seen cells that look as those cut out here: same stain, same scale, same
# window. Here it learns from procedural cells. Its error rates would come from ``evaluate`` on
# patients it never saw, with the number of independent trials that they are worth.

training = lf.make_cells(10, 80, size=64, random_state=0)
features = lf.extract_features(
    training, weights="random", layers="conv2", input_size=64, progress=False
)
head = lf.fit_head(features, "logistic_regression", tune=False)
classifier = lf.CellClassifier(head, features)

errors = lf.ClassifierErrors(sensitivity=0.85, n_sensitivity=30, specificity=0.80, n_specificity=25)
analysis = lf.analyse_smear(
    smear.image, classifier, errors=errors, side=64, background="remove", progress=False
)
analysis

# %%
# The interval is wide, and should be: six cells and a classifier known from few patients.

analysis.to_frame()[["number", "label", "p_all", "distance", "far"]].round(3)

# %%
plt.imshow(analysis.overlay(smear.image))
plt.axis("off")
plt.show()

# %%
# Cells far from all training cells come first
# --------------------------------------------
# Orange with a question mark in the picture. Here that may be all of them: the training cells
# have another scale, which is what the flag is for.

analysis.flagged[["number", "label", "distance", "reason"]].round(2)
