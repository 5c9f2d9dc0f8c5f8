"""
Another stain, and what preparation does about it
=================================================

Cells of one laboratory are for training; those of another, whose stain and lamp differ, are the test. A preparation brings
the colours together before the network sees them, and is a part of the feature space.
"""

# %%
import matplotlib.pyplot as plt

import leukfeat as lf
from leukfeat.imaging import ReinhardNormalizer

cells = lf.make_cells(n_subjects=40, n_cells=200, size=96, n_sites=2, random_state=0)
sites = cells.column("site")
here, there = (cells[sites == site] for site in sorted(set(sites), reverse=True))
here, there

# %%
# The normaliser learns the colour of the training cells, and of no others. What needs no training image, such as
# grey-world, has nothing to learn.

chains = {
    "as it is": None,
    "shades of grey": lf.Preparation("shades_of_gray"),
    "Reinhard": lf.Preparation(ReinhardNormalizer().fit(here.images)),
}

figure, axes = plt.subplots(2, len(chains), figsize=(7, 5))
for column, (name, chain) in enumerate(chains.items()):
    for row, (side, part) in enumerate({"training": here, "test": there}.items()):
        image = part.images[0]
        axes[row, column].imshow(image if chain is None else chain(image))
        axes[row, column].set_title(f"{name}, {side}", fontsize=9)
        axes[row, column].axis("off")

# %%
# Each chain is a feature space of its own: the cache keeps them apart, a head refuses another, and the model file holds what
# was learnt. The intervals are over patients, and wide: differences as
# small as these say nothing: a preparation is a setting to be tested like any other, by patient, not a gain that is sure.

for name, chain in chains.items():
    given = {"weights": "random", "layers": "conv2", "input_size": 64, "progress": False}
    training, test = (lf.extract_features(c, preparation=chain, **given) for c in (here, there))
    head = lf.fit_head(training, "logistic_regression", tune=False)
    result = lf.evaluate(head, test)
    print(f"{name:15}", result["auroc"])

# %%
# The result says what was fitted, so that a reader can ask on which images.

print([note for note in result.notes if note.startswith("preparation")])
