"""The library's own exceptions, each beside the built-in that it refines."""

__all__ = [
    "CacheError",
    "CellNameError",
    "ImageReadError",
    "LeakageError",
    "LeakageWarning",
    "LeukfeatError",
    "SeenByBackboneWarning",
    "SpecMismatchError",
    "UnknownFigureError",
    "WeightsError",
    "WeightsUnavailableError",
]


class LeukfeatError(Exception):
    """Base of every exception that leukfeat raises on purpose."""


class CellNameError(LeukfeatError, ValueError):
    """A file name that should tell label and subject does not parse."""


class ImageReadError(LeukfeatError, ValueError):
    """An image file cannot be read, or is not the image that was expected."""


class WeightsError(LeukfeatError, ValueError):
    """A weights file is missing, damaged, or belongs to another network."""


class WeightsUnavailableError(WeightsError):
    """The weights are not on this machine and could not be fetched."""


class CacheError(LeukfeatError, OSError):
    """A feature store cannot be opened, is not ours, or is held by another process."""


class SpecMismatchError(LeukfeatError, ValueError):
    """Features of one space were given where another is required."""


class LeakageError(LeukfeatError, ValueError):
    """One subject, or one image, would stand on both sides of a split."""


class LeakageWarning(UserWarning):
    """The data cannot rule out that one subject stands on both sides of a split."""


class SeenByBackboneWarning(LeakageWarning):
    """The weights behind the features were trained on cells that they are now tested on."""


class UnknownFigureError(LeukfeatError, KeyError, ValueError):
    """A result does not have the figure of merit that was asked for."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""
