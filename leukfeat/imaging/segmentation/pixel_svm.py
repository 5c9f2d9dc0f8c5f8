"""A support vector machine on pixels, trained from masks that someone has drawn."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from leukfeat.imaging.conversion import RGB, Mask, check_rgb
from leukfeat.imaging.segmentation.appearance import look_at, nuclear_index
from leukfeat.imaging.segmentation.dyes import dye_features
from leukfeat.imaging.segmentation.regions import disc

__all__ = ["PixelSVM"]


class PixelSVM(BaseEstimator):
    """Classify pixels as background, cytoplasm or nucleus from their colour and neighbourhood.

    Features of a pixel: its colour in Lab and as dyes (relative to the image's background), and
    means of Lab over two neighbourhoods. The kernel is Gaussian, by a Nystroem approximation, so
    that a prediction does not grow with the number of training pixels.

    Parameters
    ----------
    pixels_per_image : int, default=300
        Drawn from each training image, the three classes in equal parts.
    C : float, default=1.0
        Regularisation of the support vector machine.
    random_state : int, default=0
        Seed of the drawing and of the kernel approximation.

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        The fitted classifier of pixels.

    Examples
    --------
    >>> from leukfeat.imaging import segment
    >>> image = np.full((60, 60, 3), (240, 230, 200), np.uint8)
    >>> mask = np.zeros((60, 60), np.uint8)
    >>> mask[15:45, 15:45], mask[22:38, 22:38] = 1, 2
    >>> image[mask == 1], image[mask == 2] = (200, 170, 210), (90, 40, 140)
    >>> model = PixelSVM().fit([image], [mask])
    >>> bool(segment(image, method=model).nucleus[30, 30])
    True
    """

    def __init__(
        self, *, pixels_per_image: int = 300, C: float = 1.0, random_state: int = 0
    ) -> None:
        self.pixels_per_image = pixels_per_image
        self.C = C
        self.random_state = random_state

    def fit(self, X: Iterable[RGB], y: Iterable[npt.ArrayLike]) -> PixelSVM:
        """Learn from images with masks.

        Parameters
        ----------
        X : iterable of ndarray of uint8, shape (height, width, 3)
            RGB images.
        y : iterable of array_like of int, shape (height, width)
            0 background, 1 cytoplasm, 2 nucleus.

        Returns
        -------
        PixelSVM

        Raises
        ------
        ValueError
            If a mask has another size than its image or other values, images and masks are not of
            one number, all masks together hold one class only, or `pixels_per_image` is not an
            integer from 3 (one pixel a class).
        """
        whole = isinstance(self.pixels_per_image, numbers.Integral)
        if not whole or self.pixels_per_image < 3:
            raise ValueError(
                "The 'pixels_per_image' parameter of PixelSVM must be an integer from 3, a pixel of "
                f"each class. Got {self.pixels_per_image!r} instead."
            )
        images, masks = list(X), list(y)
        if len(images) != len(masks):
            raise ValueError(
                "PixelSVM.fit needs one mask an image. "
                f"Got {len(images)} images and {len(masks)} masks instead."
            )
        rng = np.random.default_rng(self.random_state)
        points: list[npt.NDArray] = []
        labels: list[npt.NDArray] = []
        for number, (image, given) in enumerate(zip(images, masks, strict=True)):
            mask = np.asarray(given)
            if mask.shape != check_rgb(image).shape[:2] or not np.isin(mask, (0, 1, 2)).all():
                raise ValueError(
                    f"Mask {number} must have the shape {image.shape[:2]} and the values 0 "
                    "(background), 1 (cytoplasm), 2 (nucleus). Got the shape "
                    f"{mask.shape} and the values {np.unique(mask)[:5].tolist()} instead."
                )
            features = _pixel_features(image)
            for value in (0, 1, 2):
                places = np.flatnonzero(mask == value)
                count = min(len(places), self.pixels_per_image // 3)
                places = rng.choice(places, count, replace=False)
                points.append(features[places])
                labels.append(np.full(count, value))
        if not points:
            raise ValueError("PixelSVM.fit needs at least one image with its mask.")
        X_pixels, y_pixels = np.concatenate(points), np.concatenate(labels)
        held = np.unique(y_pixels).tolist()
        if len(held) < 2:
            raise ValueError(
                "PixelSVM.fit needs pixels of at least two of the classes 0 (background), 1 "
                f"(cytoplasm) and 2 (nucleus). All masks together hold only {held}."
            )
        n_components = min(200, len(X_pixels))
        kernel = Nystroem(
            gamma=0.5 / X_pixels.shape[1], n_components=n_components, random_state=self.random_state
        )
        machine = LinearSVC(C=self.C, random_state=self.random_state, dual=False)
        self.pipeline_ = make_pipeline(StandardScaler(), kernel, machine)
        self.pipeline_.fit(X_pixels, y_pixels)
        return self

    def predict_mask(self, image: RGB) -> npt.NDArray[np.uint8]:
        """Classify the pixels of one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB image.

        Returns
        -------
        ndarray of uint8, shape (height, width)
            0 background, 1 cytoplasm, 2 nucleus.
        """
        check_is_fitted(self)
        features = _pixel_features(check_rgb(image))
        found = np.empty(len(features), np.uint8)
        for start in range(0, len(features), 200_000):  # a kernel row has 200 floats
            part = slice(start, start + 200_000)
            found[part] = self.pipeline_.predict(features[part])
        return found.reshape(image.shape[:2])

    def stained_and_nuclei(self, image: RGB) -> tuple[Mask, Mask]:
        """Return cells and nuclei as masks, single wrong pixels smoothed away.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB image.

        Returns
        -------
        stained, nuclei : ndarray of bool, shape (height, width)
        """
        mask = cv2.medianBlur(self.predict_mask(image), 5)
        stained = cv2.morphologyEx((mask > 0).astype(np.uint8), cv2.MORPH_OPEN, disc(2)) > 0
        return stained | (mask == 2), mask == 2

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _pixel_features(image: RGB) -> npt.NDArray[np.float32]:
    seen = look_at(image)
    side = min(image.shape[:2])
    near, wide = (cv2.GaussianBlur(seen.lab, (0, 0), share * side) for share in (0.02, 0.06))
    stack = [seen.lab, dye_features(seen.transmittance), near, wide]
    features = np.concatenate([*stack, nuclear_index(seen.transmittance)[..., None]], axis=2)
    return features.reshape(-1, features.shape[2])
