"""Types that a model file may hold although skops does not trust them by itself."""

__all__ = ["TRUSTED_TYPES"]

TRUSTED_TYPES: tuple[str, ...] = (
    # Ours: plain parameters and arrays, no code in their state.
    "leukfeat.features.handcrafted.spec.HandcraftedSpec",
    "leukfeat.features.handcrafted.texture.TextureSettings",
    "leukfeat.features.joining.JoinedSpec",
    "leukfeat.features.spec.FeatureSpec",
    "leukfeat.heads.ensemble.Ensemble",
    "leukfeat.heads.head.Head",
    "leukfeat.heads.rbf_svc.RbfSVC",
    "leukfeat.splitting.kfold.SubjectKFold",
    # scikit-learn's parts of fitted forests, boosted trees, networks and calibrated classifiers.
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    # Splitters that hold each row out once, which a head keeps as its parameter 'cv'.
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.LeaveOneOut",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Read without asking. Each was looked at: restoring it sets attributes, and runs nothing else."""
