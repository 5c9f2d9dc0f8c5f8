"""How many cells of each type a field holds."""

from __future__ import annotations

import dataclasses

__all__ = ["CellCounts"]


@dataclasses.dataclass(frozen=True)
class CellCounts:
    """Numbers of cells in a field.

    Parameters
    ----------
    white, red, platelets : int
        How many.
    red_diameter : float or None
        Usual diameter of a red cell in pixels, as measured; ``None`` where none is in view.
    shape : tuple of int
        Height and width of the field in pixels.

    Examples
    --------
    >>> CellCounts(white=2, red=41, platelets=3, red_diameter=66.2, shape=(480, 640))
    CellCounts(white=2, red=41, platelets=3; red cells 66.2 px across, field 480x640 px)
    """

    white: int
    red: int
    platelets: int
    red_diameter: float | None
    shape: tuple[int, int]

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the fields as plain values."""
        height, width = self.shape
        return {
            "white": self.white,
            "red": self.red,
            "platelets": self.platelets,
            "red_diameter": self.red_diameter,
            "height": height,
            "width": width,
        }

    def __repr__(self) -> str:
        across = "none" if self.red_diameter is None else f"{self.red_diameter:.1f} px across"
        return (
            f"CellCounts(white={self.white}, red={self.red}, platelets={self.platelets}; "
            f"red cells {across}, field {self.shape[0]}x{self.shape[1]} px)"
        )
