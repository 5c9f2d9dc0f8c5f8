"""Texture, shape and colour against known answers, and on every kind of image and mask."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.filters import gabor
from skimage.measure import shannon_entropy

import leukfeat as lf
from leukfeat.features.handcrafted import COLOUR_COLUMNS, shape_columns, texture_columns
from leukfeat.imaging import rgb_to_hsi, rgb_to_lab

SETTINGS = lf.TextureSettings()


def disc(side, radius, centre=None):
    rows, columns = np.mgrid[:side, :side]
    row, column = (side / 2, side / 2) if centre is None else centre
    return np.hypot(rows - row, columns - column) < radius


@pytest.fixture(scope="module")
def noise():
    image = np.random.default_rng(0).integers(0, 256, (70, 60, 3), dtype=np.uint8)
    return cv2.GaussianBlur(image, (0, 0), 1.2)


def grey_of(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def test_texture_agrees_with_scikit_image(noise):
    found, grey = lf.texture_features(noise), grey_of(noise)
    assert tuple(found.index) == texture_columns(SETTINGS)
    for radius in (1, 2, 3):
        codes = local_binary_pattern(grey, 8 * radius, radius, method="uniform")
        codes = codes[radius:-radius, radius:-radius]
        expected = np.bincount(codes.astype(int).ravel(), minlength=8 * radius + 2) / codes.size
        names = [f"lbp_r{radius}_bin{i}" for i in range(8 * radius + 2)]
        np.testing.assert_allclose(found[names], expected, atol=1e-6)
    steps = (grey.astype(int) * 32 // 256).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    counts = graycomatrix(steps, [1, 2, 4], angles, levels=32, symmetric=True, normed=True)
    for name in ("contrast", "dissimilarity", "homogeneity", "energy", "ASM", "correlation"):
        expected = graycoprops(counts, name).mean(axis=1)
        ours = found[[f"glcm_{name.lower()}_d{d}" for d in (1, 2, 4)]]
        np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert found["entropy_bits"] == pytest.approx(shannon_entropy(grey), rel=1e-6)


def test_gabor_agrees_with_scikit_image_away_from_the_border(noise):
    grey = grey_of(noise).astype(float) / 255
    inner = np.zeros(grey.shape, bool)
    inner[25:45, 20:40] = True
    # A mask hides what is around it; here all of the image is seen, and the middle compared.
    from leukfeat.features.handcrafted.gabor import _filtered, _kernels

    values = (grey - grey.mean()).astype(np.float32)
    for frequency in (0.2, 0.4):
        for angle, kernels in zip(np.arange(4) * np.pi / 4, _kernels(frequency, 4), strict=True):
            real, imaginary = gabor(values, frequency, theta=angle, n_stds=4)
            expected = np.hypot(real, imaginary)[inner]
            ours = _filtered(values, *kernels)[inner]
            np.testing.assert_allclose(ours, expected, atol=0.02 * expected.max())


def test_what_is_outside_the_mask_does_not_count(noise):
    mask = disc(60, 20, (30, 28))[:, :60]
    mask = np.pad(mask, ((0, 10), (0, 0)))
    changed = noise.copy()
    changed[~mask] = 255 - changed[~mask]
    for measure in (lf.texture_features, lf.colour_features):
        np.testing.assert_array_equal(measure(noise, mask), measure(changed, mask))


def test_co_occurrence_counts_only_pairs_within_the_mask():
    image = np.zeros((30, 30), np.uint8)
    image[:, 15:] = 255
    mask = np.zeros((30, 30), bool)
    mask[:, :15] = True
    found = lf.texture_features(image, mask)
    assert found["glcm_contrast_d1"] == 0
    assert found["glcm_energy_d4"] == 1
    assert lf.texture_features(image)["glcm_contrast_d1"] > 0


def test_colour_agrees_with_numpy_and_scipy(noise):
    from scipy import stats

    mask = disc(70, 22)[:, :60]
    found = lf.colour_features(noise, mask)
    assert tuple(found.index) == COLOUR_COLUMNS
    channels = dict(zip(("red", "green", "blue"), noise[mask].T.astype(float), strict=True))
    hsi, lab = rgb_to_hsi(noise)[mask].T.astype(float), rgb_to_lab(noise)[mask].T.astype(float)
    channels |= {"saturation": hsi[1], "intensity": hsi[2]}
    channels |= dict(zip(("lightness", "a_star", "b_star"), lab, strict=True))
    for name, values in channels.items():
        assert found[f"{name}_mean"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-4)
        assert found[f"{name}_std"] == pytest.approx(values.std(), rel=1e-4)
        assert found[f"{name}_skew"] == pytest.approx(stats.skew(values), abs=1e-3)
        assert found[f"{name}_kurtosis"] == pytest.approx(stats.kurtosis(values), abs=1e-3)
        assert found[f"{name}_p25"] == pytest.approx(np.percentile(values, 25), abs=1e-3)


def test_hues_on_both_sides_of_red_lie_together():
    image = np.zeros((10, 10, 3), np.uint8)
    image[:5] = (200, 0, 20)  # just below 1
    image[5:] = (200, 20, 0)  # just above 0
    found = lf.colour_features(image)
    assert min(found["hue_mean"], 1 - found["hue_mean"]) < 1e-6
    assert found["hue_std"] < 0.03
    assert found["hue_p90"] - found["hue_p10"] < 0.06


def test_shape_of_a_disc_and_of_an_ellipse():
    shape = lf.shape_features(disc(120, 40), disc(120, 20))
    assert tuple(shape.index) == shape_columns(image=False)
    assert shape["cell_area_px2"] == pytest.approx(np.pi * 40**2, rel=0.01)
    assert shape["cell_perimeter_px"] == pytest.approx(2 * np.pi * 40, rel=0.02)
    assert shape["cell_eccentricity"] < 0.05
    assert shape[["cell_form_factor", "cell_solidity", "cell_convexity"]].min() > 0.95
    assert shape["nucleus_cell_ratio"] == pytest.approx(0.25, rel=0.02)
    assert shape["nucleus_cytoplasm_ratio"] == pytest.approx(1 / 3, rel=0.03)
    assert shape["cytoplasm_area_px2"] == shape["cell_area_px2"] - shape["nucleus_area_px2"]
    canvas = np.zeros((120, 120), np.uint8)
    cv2.ellipse(canvas, (60, 60), (50, 25), 30, 0, 360, 1, -1)
    ellipse = lf.shape_features(canvas)
    assert ellipse["cell_elongation"] == pytest.approx(0.5, abs=0.02)
    assert ellipse["cell_eccentricity"] == pytest.approx(np.sqrt(0.75), abs=0.02)
    assert ellipse["cell_major_axis_px"] == pytest.approx(100, rel=0.03)


def test_a_dented_outline_is_less_solid_and_less_convex():
    star = np.zeros((120, 120), np.uint8)
    angle = np.arange(20) * np.pi / 10
    radius = np.where(np.arange(20) % 2, 22, 50)
    points = np.stack([60 + radius * np.cos(angle), 60 + radius * np.sin(angle)], axis=1)
    cv2.fillPoly(star, [points.round().astype(np.int32)], 1)
    shape = lf.shape_features(star)
    assert shape["cell_solidity"] < 0.7
    assert shape["cell_convexity"] < 0.75
    assert shape["cell_form_factor"] < 0.4


def test_micrometres_only_where_the_name_says_so():
    cell, nucleus = disc(80, 30), disc(80, 12)
    pixels = lf.shape_features(cell, nucleus)
    scaled = lf.shape_features(cell, nucleus, um_per_px=0.25)
    for before, after in zip(pixels.index, scaled.index, strict=True):
        power = 2 if before.endswith("_px2") else int(before.endswith("_px"))
        assert after == before.replace("_px", "_um")
        assert scaled[after] == pytest.approx(pixels[before] * 0.25**power, rel=1e-6)
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="um_per_px"):
            lf.shape_features(cell, um_per_px=wrong)


@pytest.mark.parametrize("n_lobes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("radius", [8, 14])
def test_lobes_are_counted(n_lobes, radius):
    places = [(radius + 4, radius + 4 + i * 1.7 * radius) for i in range(n_lobes)]
    side = int(10 * radius)
    nucleus = np.any([disc(side, radius, place) for place in places], axis=0)
    assert lf.shape_features(nucleus, nucleus)["nucleus_lobes"] == n_lobes


@pytest.mark.parametrize("n_nucleoli", [0, 1, 2, 3])
def test_nucleoli_are_counted(n_nucleoli):
    image = np.full((120, 120, 3), (200, 190, 220), np.uint8)
    nucleus = disc(120, 40)
    image[nucleus] = (90, 50, 140)
    for place in [(45, 45), (75, 50), (60, 78)][:n_nucleoli]:
        image[disc(120, 6, place)] = (130, 100, 180)
    rng = np.random.default_rng(n_nucleoli)
    image = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    assert lf.shape_features(disc(120, 55), nucleus, image=image)["nucleoli"] == n_nucleoli


def test_nucleoli_of_procedural_cells_go_with_the_truth():
    cells = lf.make_cells(8, 48, size=200, random_state=1)
    found = lf.extract_handcrafted(cells, "shape", progress=False)
    counted = found.X[:, found.feature_names.index("nucleoli")]
    truth = cells.frame["true_nucleoli"].to_numpy()
    assert counted[truth > 0].mean() > counted[truth == 0].mean() + 0.2


@pytest.mark.parametrize("kind", ["grey", "rgba", "uint16", "float", "bool"])
def test_every_kind_of_image_is_measured_by_the_rules_of_to_rgb(noise, kind):
    grey = grey_of(noise)
    image = {
        "grey": grey,
        "rgba": np.dstack([noise, np.full(grey.shape, 255, np.uint8)]),
        "uint16": noise.astype(np.uint16) * 257,
        "float": noise / 255,
        "bool": grey > 128,
    }[kind]
    expected = {
        "grey": np.dstack([grey] * 3),
        "bool": np.dstack([(grey > 128) * np.uint8(255)] * 3),
    }
    expected = expected.get(kind, noise)
    for measure in (lf.texture_features, lf.colour_features):
        np.testing.assert_array_equal(measure(image), measure(expected))


def all_families(image, mask):
    nucleus = np.roll(mask, 1, axis=0) & mask
    return np.concatenate(
        [
            lf.texture_features(image, mask),
            lf.shape_features(mask, nucleus, image=image),
            lf.colour_features(image, mask),
        ]
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 2), (5, 40)])
@pytest.mark.parametrize("colour", [0, 77, 255])
def test_one_colour_and_tiny_images_give_finite_values(shape, colour):
    image = np.full((*shape, 3), colour, np.uint8)
    values = all_families(image, np.ones(shape, bool))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    colours = lf.colour_features(image)
    assert colours["red_mean"] == colour
    assert not colours.filter(regex="_(std|skew|kurtosis)$").any()


def test_an_empty_mask_is_zero_everywhere(noise):
    assert not all_families(noise, np.zeros(noise.shape[:2], bool)).any()


def test_a_nucleus_outside_the_cell_does_not_count():
    shape = lf.shape_features(disc(60, 10, (15, 15)), disc(60, 10, (45, 45)))
    assert shape["nucleus_area_px2"] == 0
    assert shape["nucleus_lobes"] == 0
    assert shape["nucleus_cell_ratio"] == 0


def test_a_cell_without_cytoplasm_has_a_finite_ratio():
    cell = disc(60, 10)
    assert lf.shape_features(cell, cell)["nucleus_cytoplasm_ratio"] == cell.sum()


def test_a_cell_at_the_border_is_marked():
    assert lf.shape_features(disc(60, 10))["cell_touches_border"] == 0
    for centre in [(0, 30), (59, 30), (30, 0), (30, 59)]:
        assert lf.shape_features(disc(60, 10, centre))["cell_touches_border"] == 1


def test_a_large_image_costs_as_much_as_its_cell(noise):
    large = np.zeros((4000, 4000, 3), np.uint8)
    large[2000:2070, 1000:1060] = noise
    mask = np.zeros((4000, 4000), bool)
    mask[2010:2060, 1010:1050] = True
    small = mask[2000:2070, 1000:1060]
    np.testing.assert_array_equal(all_families(large, mask), all_families(noise, small))


def test_turning_by_a_right_angle_changes_little(noise):
    mask = disc(60, 24)
    image = noise[:60]
    before, after = (
        all_families(image, mask),
        all_families(np.rot90(image).copy(), np.rot90(mask).copy()),
    )
    n = len(texture_columns(SETTINGS))
    np.testing.assert_allclose(before[:n], after[:n], atol=0.02, rtol=0.02)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), height=st.integers(1, 40), width=st.integers(1, 40))
def test_no_image_and_no_mask_gives_a_value_that_is_not_finite(seed, height, width):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if seed % 3 == 0:
        image[:] = image[0, 0]
    mask = rng.random((height, width)) < rng.random()
    assert np.isfinite(all_families(image, mask)).all()


def test_wrong_arguments_are_named(noise):
    with pytest.raises(ValueError, match="mask"):
        lf.texture_features(noise, np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="nucleus_mask"):
        lf.shape_features(np.ones((4, 4)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="cell_mask"):
        lf.shape_features(np.ones((4, 4, 3)))
    with pytest.raises(ValueError, match="cell_mask"):
        lf.shape_features(np.ones((4, 4)), image=noise)
    with pytest.raises(ValueError, match="to_rgb"):
        lf.colour_features(np.zeros((4, 4, 2), np.uint8))
    for name, wrong in {
        "lbp_radii": (0,),
        "gabor_frequencies": (0.5,),
        "glcm_distances": (2, 1),
        "gabor_orientations": 0,
        "grey_levels": 256,
    }.items():
        with pytest.raises(ValueError, match=name):
            lf.TextureSettings(**{name: wrong})


def test_values_are_those_of_this_version():
    """A change here changes every stored row: raise HANDCRAFTED_VERSION with it."""
    rows, columns = np.mgrid[:96, :96]
    distance = np.hypot(rows - 48, columns - 46)
    image = np.full((96, 96, 3), (235, 228, 210), np.uint8)
    image[distance < 32] = (190, 160, 215)
    image[distance < 22] = (96, 48, 145)
    image = (image - (rows % 5)[..., None] * 3).astype(np.uint8)
    found = lf.extract_handcrafted([image], progress=False)
    row = dict(zip(found.feature_names, found.X[0].tolist(), strict=True))
    assert found.spec.version == 3
    for name, value in GOLDEN.items():
        assert row[name] == pytest.approx(value, rel=2e-3), name


GOLDEN = {
    "lbp_r1_bin4": 0,
    "lbp_r3_bin25": 0.734758,
    "gabor_f0.2_mean": 0.00825048,
    "gabor_f0.1_std": 0.00962548,
    "glcm_contrast_d1": 6.84413,
    "glcm_entropy_d4": 3.52627,
    "glcm_correlation_d2": 0.889436,
    "entropy_bits": 3.44594,
    "cell_area_px2": 3263,
    "cell_perimeter_px": 208.08,
    "nucleus_area_px2": 1513,
    "nucleus_form_factor": 1,
    "nucleus_cell_ratio": 0.463684,
    "nucleus_lobes": 1,
    "nucleoli": 0,
    "red_mean": 141.331,
    "hue_std": 0.0532843,
    "saturation_p50": 0.16068,
    "b_star_skew": 0.630823,
}
