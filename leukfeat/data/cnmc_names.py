"""What the file names of C-NMC 2019 say: subject, image, cell and class."""

from __future__ import annotations

import re
from typing import NamedTuple

from leukfeat.exceptions import CellNameError

__all__ = ["SHARED_IMAGE_SUBJECTS", "CnmcName", "group_of", "parse_cnmc_name"]

SHARED_IMAGE_SUBJECTS = (
    ("20", "21"),
    ("51", "75", "78"),
    ("H2", "H4", "H5", "H6"),
    ("H3", "H10"),
)
"""Subjects of the training set that share byte-identical images.

104 pairs of files are equal (71 of them between 20 and 21, which stand in different folds), so
a split by subject still puts the same image on both sides unless these are kept together.
"""

_GROUPS = {subject: "+".join(s) for s in SHARED_IMAGE_SUBJECTS for subject in s}

_NAME = re.compile(r"UID_(H?)0*(\d+)_(\d+)_(\d+)_(all|hem)\.[a-z]+", re.IGNORECASE | re.ASCII)


class CnmcName(NamedTuple):
    """What one file name of C-NMC 2019 says."""

    subject: str
    """The patient: digits for leukemia (``"10"``), H and digits for a healthy one (``"H10"``)."""
    image: int
    """Number of the microscope image within the subject."""
    cell: int
    """Number of the cell within the image."""
    label: str
    """``"all"`` (leukemic blast) or ``"hem"`` (normal B-lymphoid precursor)."""


def parse_cnmc_name(name: str) -> CnmcName:
    """Read a file name of the form ``UID_<subject>_<image>_<cell>_<all|hem>.bmp``.

    Parameters
    ----------
    name : str
        The file name, without folders.

    Returns
    -------
    CnmcName

    Raises
    ------
    CellNameError
        If the name has another form, or its subject and class contradict each other (``H``
        marks the healthy subjects, whose cells are all ``hem``).

    Notes
    -----
    Some files of subject H3 are written with a lower-case ``h``; they are the same subject.
    The ``H`` is part of the subject: H10 and 10 are two people.

    Examples
    --------
    >>> parse_cnmc_name("UID_h3_4_1_hem.bmp")
    CnmcName(subject='H3', image=4, cell=1, label='hem')
    >>> parse_cnmc_name("UID_10_4_1_all.bmp").subject
    '10'
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise CellNameError(
            f"The file name {name!r} does not parse as a C-NMC 2019 cell; expected "
            "UID_<subject>_<image>_<cell>_<all|hem>.bmp, for example UID_H10_47_2_hem.bmp."
        )
    healthy, subject, image, cell, label = match.groups()
    label = label.lower()
    if bool(healthy) != (label == "hem"):
        raise CellNameError(
            f"The file name {name!r} contradicts itself: subjects with an H are healthy and have "
            f"'hem' cells only, those without have 'all' cells. Found subject "
            f"{healthy + subject!r} with the class {label!r}."
        )
    return CnmcName(healthy.upper() + subject, int(image), int(cell), label)


def group_of(subject: str) -> str:
    """Return the unit of splitting that a subject of C-NMC 2019 belongs to.

    Parameters
    ----------
    subject : str
        For example ``"20"`` or ``"H3"``.

    Returns
    -------
    str
        The joined names where subjects share images (see `SHARED_IMAGE_SUBJECTS`), else the
        subject itself.

    Examples
    --------
    >>> group_of("20"), group_of("H10"), group_of("10")
    ('20+21', 'H3+H10', '10')
    """
    return _GROUPS.get(subject, subject)
