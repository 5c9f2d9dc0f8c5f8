"""Who may stand on which side of a split."""

from leukfeat.splitting.checks import check_split
from leukfeat.splitting.groups import NO_SUBJECTS, merge_groups
from leukfeat.splitting.kfold import SubjectKFold
from leukfeat.splitting.splitters import RANDOM_SPLIT, Split, Splits, make_splits

__all__ = [
    "NO_SUBJECTS",
    "RANDOM_SPLIT",
    "Split",
    "Splits",
    "SubjectKFold",
    "check_split",
    "make_splits",
    "merge_groups",
]
