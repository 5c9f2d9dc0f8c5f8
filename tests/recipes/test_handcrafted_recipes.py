import numpy as np
import pytest

from leukfeat import CellDataset, make_cells
from leukfeat.cnn import read_cells
from leukfeat.imaging import standardize_batch
from leukfeat.recipes import load_recipe, routes, run_recipe
from leukfeat.recipes.route import RunSettings
from leukfeat.recipes.standardised_rows import StandardisedRows
from leukfeat.recipes.standardising import (
    ChannelMoments,
    channel_moments,
    measure_standardised,
    standardise,
)
from leukfeat.recipes.steps import HandcraftedStep

QUIET = {"weights": "random", "progress": False, "n_splits": 2}


@pytest.fixture(scope="module")
def cells():
    return make_cells(24, 48, size=64)


@pytest.fixture(scope="module")
def images(cells):
    return read_cells(cells, input_size=(48, 48))


def quick(name, **tables):
    head = {"head": {"names": ["logistic_regression"], "members": [], "tune": False}}
    return load_recipe(name).override({**head, **tables})


def test_standardising_is_that_of_a_batch(images):
    moments = channel_moments(images)
    wanted = 128 + 40 * standardize_batch(images.X)
    seen = images.X.any(axis=-1)
    found = standardise(images.X, moments)
    np.testing.assert_allclose(found[seen], np.clip(wanted[seen], 1, 255), atol=0.51)
    assert not found[~seen].any()


def test_black_stays_black_and_nothing_else_becomes_so():
    pixels = np.full((2, 9, 9, 3), 250, np.uint8)
    pixels[:, :4] = 0
    pixels[:, 8] = 1
    done = standardise(pixels, channel_moments(read_cells(CellDataset.from_arrays(list(pixels)))))
    np.testing.assert_array_equal(done.any(axis=-1), pixels.any(axis=-1))


def test_a_channel_without_variance_is_128_and_no_image_is_an_error(images):
    flat = read_cells(CellDataset.from_arrays([np.full((9, 9, 3), 7, np.uint8)]))
    assert np.unique(standardise(flat.X, channel_moments(flat))).tolist() == [128]
    with pytest.raises(ValueError, match="at least one image"):
        channel_moments(images[np.arange(0)])


def test_moments_of_rows_are_theirs_alone(images):
    rows = np.array([5, 1, 7])
    moments = channel_moments(images[rows])
    np.testing.assert_allclose(moments.mean, images.X[rows].mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(moments.std, images.X[rows].std(axis=(0, 1, 2)))


def test_rows_do_not_depend_on_the_batch_they_are_measured_in(images):
    step = HandcraftedStep(families=("colour",))
    moments = channel_moments(images)
    whole = measure_standardised(images, moments, step)
    part = measure_standardised(images[[3, 8]], moments, step)
    np.testing.assert_array_equal(whole.X[[3, 8]], part.X)
    assert list(part.ids) == list(images.ids[[3, 8]])
    assert list(part.subjects) == list(images.subjects[[3, 8]])
    assert part.spec is None


def test_the_moments_are_of_training_cells_unless_as_published(cells, tmp_path, monkeypatch):
    seen = []

    def noting(images):
        seen.append(set(images.ids))
        return channel_moments(images)

    monkeypatch.setattr(routes, "channel_moments", noting)
    recipe = quick(
        "random-forest",
        features={"handcrafted": {"families": ["colour"], "standardised_size": 32}},
    )
    cache = tmp_path / "cache"
    run = run_recipe(recipe, cells, as_published=True, cache=cache, **QUIET)
    everything = set(run["logistic_regression", "group"].predictions.ids)
    *by_fold, of_all = seen
    assert of_all == everything
    assert len(by_fold) == 4
    for mode, sides in (("theirs", by_fold[:2]), ("group", by_fold[2:])):
        predictions = run["logistic_regression", mode].predictions
        for fold, trained_on in enumerate(sides):
            assert not trained_on & set(predictions.ids[predictions.fold == fold])
    assert any("standardised by the mean" in reason for reason in run.reasons)


@pytest.fixture
def measurements(monkeypatch):
    """Digests of the images that were measured, one entry an image and time."""
    from leukfeat.features.handcrafted import engine

    seen = []
    plain = engine.measure_cell

    def noting(image, spec):
        seen.append(image.tobytes())
        return plain(image, spec)

    monkeypatch.setattr(engine, "measure_cell", noting)
    return seen


def test_folds_with_the_same_moments_share_their_rows(images, measurements):
    step = HandcraftedStep(families=("colour",), segmentation="none")
    rows = StandardisedRows(images, step)
    moments = channel_moments(images)
    near = ChannelMoments(moments.mean.round() + 0.3, moments.std.round() - 0.3)
    first = rows.take(near, np.arange(10))
    again = rows.take(near.whole(), np.array([3, 12, 5]))
    np.testing.assert_array_equal(again.X[[0, 2]], first.X[[3, 5]])
    assert list(again.ids) == list(images.ids[[3, 12, 5]])
    assert len(measurements) == 11
    other = rows.take(ChannelMoments(near.mean + 9, near.std), np.arange(10))
    assert len(measurements) == 21
    assert not np.array_equal(other.X, first.X)
    np.testing.assert_array_equal(
        other.X,
        measure_standardised(images, ChannelMoments(near.mean + 9, near.std).whole(), step).X[:10],
    )


def test_another_run_measures_nothing_again(cells, tmp_path, measurements):
    recipe = quick(
        "random-forest",
        features={
            "handcrafted": {
                "families": ["colour"],
                "segmentation": "none",
                "standardised_size": 32,
            }
        },
    )
    first = run_recipe(recipe, cells, cache=tmp_path, **QUIET)
    # No row was measured twice, and every fold has images of its own.
    assert len(cells) < len(measurements) == len(set(measurements))
    measurements.clear()
    again = run_recipe(recipe, cells, cache=tmp_path, **QUIET)
    assert not measurements
    for mode in ("theirs", "group"):
        np.testing.assert_array_equal(
            again["logistic_regression", mode].predictions.scores,
            first["logistic_regression", mode].predictions.scores,
        )


def test_many_images_are_measured_by_all_processors():
    assert RunSettings().workers_for(20) is None
    assert RunSettings().workers_for(2000) == -1
    assert RunSettings(n_jobs=3).workers_for(2000) == 3


def test_colour_clustering_has_its_members_and_the_composite(cells, tmp_path):
    whole = load_recipe("colour-clustering")
    assert whole.features.handcrafted.segmentation == "kmeans_lab"
    assert whole.variants == (*whole.head.members, "voting")
    recipe = whole.override(
        {
            "head": {
                "names": ["naive_bayes", "voting"],
                "members": ["naive_bayes", "decision_tree"],
                "tune": False,
            },
            "features": {"handcrafted": {"families": ["shape"]}},
            "split": {"theirs": "group"},
        }
    )
    run = run_recipe(recipe, cells, cache=tmp_path, **QUIET)
    assert run.variants == ("naive_bayes", "voting")
    assert run["voting", "group"].predictions.n_cells == len(cells)
    assert list(tmp_path.glob("handcrafted-shape*.h5"))


def test_nine_features_of_liu_and_hu_are_chosen_inside_the_fold(cells):
    recipe = quick(
        "liu-hu", features={"handcrafted": {"families": ["colour"], "segmentation": "none"}}
    )
    route = next(routes.make_routes(recipe, cells, RunSettings(progress=False)))
    assert route.data.shape[1] > 9
    model, asked, _ = route.fit(np.arange(40), np.arange(40, 48), "group", None)
    assert model.estimator_[-1].n_features_in_ == 9
    assert len(model.predict(asked)) == 8


def test_a_published_figure_of_m1_against_m2_is_not_beside_procedural_leukemia():
    from leukfeat.recipes.comparable import comparable_figures

    recipe = load_recipe("liu-hu")
    found, notes = comparable_figures(recipe, make_cells(4, 8, size=32), procedural=True)
    assert found == {}
    assert all("aml-m1-m2" in note for note in notes)
    assert len(notes) == len(recipe.published)


def test_deep_and_measured_columns_are_joined(cells):
    recipe = quick(
        "resnet50-svm",
        features={
            "backbones": ["mobilenetv2"],
            "layers": ["conv2"],
            "input_size": 32,
            "handcrafted": {"families": ["shape"], "segmentation": "kmeans_lab"},
        },
    )
    route = next(
        routes.make_routes(recipe, cells[:4], RunSettings(weights="random", progress=False))
    )
    names = route.data.get_feature_names_out()
    assert names[0].startswith("mobilenetv2")
    assert any(name.startswith("cell_area") for name in names)
    assert [part.label for part in route.data.spec.parts] == ["mobilenetv2", "handcrafted"]


def test_override_merges_the_table_in_the_table():
    changed = load_recipe("colour-clustering").override(
        {"features": {"handcrafted": {"families": ["texture"]}}}
    )
    assert changed.features.handcrafted.families == ("texture",)
    assert changed.features.handcrafted.segmentation == "kmeans_lab"
