"""Cells drawn with their exact masks, for the tests of segmentation."""

import cv2
import numpy as np

NUCLEUS, CYTOPLASM, RED_CELL = (
    np.array([1.3, 1.9, 0.7]),
    np.array([0.33, 0.40, 0.22]),
    np.array([0.16, 0.42, 0.44]),
)
"""Optical densities of what a May-Gruenwald-Giemsa smear holds."""


def draw_cell(
    size=160,
    *,
    center=None,
    radius=34,
    nuclei=((0, 0, 20),),
    pressed=0,
    background=(240, 232, 215),
    strength=1.0,
    blur=1.0,
    noise=2.0,
    seed=0,
):
    """Draw one white cell, red cells pressed against it if asked.

    Returns the RGB image and a mask: 0 elsewhere, 1 cytoplasm, 2 nucleus.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size].astype(float)
    row, column = center or (size / 2, size / 2)
    density = np.zeros((size, size, 3))
    for k in range(pressed):
        angle = 2 * np.pi * (k + rng.uniform(-0.2, 0.2)) / pressed
        away = radius + 20
        distance = np.hypot(
            rows - row - away * np.sin(angle), columns - column - away * np.cos(angle)
        )
        thickness = np.where(distance < 24, 0.6 + 0.4 * (distance / 24) ** 2, 0)
        density += thickness[..., None] * RED_CELL
    cell = np.hypot(rows - row, columns - column) < radius
    mask = cell.astype(np.uint8)
    density[cell] = CYTOPLASM
    for down, right, size_ in nuclei:
        inside = np.hypot(rows - row - down, columns - column - right) < size_
        mask[inside & cell] = 2
    density[mask == 2] = NUCLEUS
    image = np.array(background) * np.exp(-strength * density)
    image = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def dice(found, true):
    total = found.sum() + true.sum()
    return 2 * (found & true).sum() / total if total else 1.0
