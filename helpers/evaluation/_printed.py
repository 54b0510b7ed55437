"""Numbers as the sources printed them, and where. Facts only; `claims` recomputes what follows from them.

A source's first system is the workbook on Kaggle stills, the second the poster about it, the third the region-wise
flow networks on CASME II, the fourth the technical documentation of a fused SVM on CASME II.
"""

FIRST, SECOND = "workbook on Kaggle stills", "poster on Kaggle stills"
THIRD, FOURTH = "region-wise flow networks", "fused SVM on CASME II"
STSTNET = "STSTNet"  # Liong et al. 2019, doi:10.1109/FG.2019.8756567

# Clips a label in the coding sheet of CASME II, edition 2014-05-08 (Yan et al. 2014, doi:10.1371/journal.pone.0086041)
SHEET = {"happiness": 32, "others": 99, "sadness": 7, "fear": 2, "disgust": 63, "repression": 27, "surprise": 25}

# The fourth: section "Class Distribution Analysis"; "Confusion Matrix Analysis" (true by predicted, same order);
# "Overall Performance"; "CNN Training Progress" (epoch: loss, accuracy); "Class Weighting Effectiveness", which are
# n / (K n_k) of the clips trained on; "Subject-wise Performance Analysis"
CASME4 = ("happiness", "surprise", "disgust", "repression")
CLASS_TABLE = (141, 35, 62, 17)
CONFUSION = ((101, 0, 40, 0), (13, 0, 12, 0), (45, 0, 17, 0), (26, 0, 1, 0))
ACCURACY, UAR = 0.463, 0.248
TRAINING = {3: (1.3869, 0.24), 6: (1.3867, 0.24), 9: (1.3870, 0.24), 12: (1.3864, 0.24)}
WEIGHTS = (0.453, 2.500, 1.042, 2.315)

# The third: section "Results Summary" of its README (UARs of 26 people), row of its best model in "Model Performance",
# and the stored confusion counts of that model's records with the mean over people that they print
PERSON_MEAN, PERSON_SD, PEOPLE, BEST = 0.2097, 0.1920, 26, 0.35
HYBRID_CLASSES = ("disgust", "happiness", "repression", "surprise")
HYBRID = ((25, 11, 15, 12), (3, 14, 9, 5), (4, 6, 14, 4), (1, 6, 5, 13))
HYBRID_MEAN = 0.367

# The first: outputs of its AutoML cell, and of its cells with ResNet18 features (macro-F1, F1 of fear, F1 of disgust)
BEST_VALIDATION, TEST_IMAGES = 0.5357, 196
NO_SMOTE = {"macro_f1": 0.4524, "fear": 0.231, "disgust": 0.319}
PCA_ALONE = {"macro_f1": 0.3847}  # its two other numbers are not printed
PCA_SMOTE = {"macro_f1": 0.3883, "fear": 0.136, "disgust": 0.277}
# The second: section "Model Comparison"
POSTER_ACCURACY = 0.46

# STSTNet: confusion counts of the authors' log (true negative, positive, surprise by predicted) and the UAR they print
MEGC3 = ("negative", "positive", "surprise")
LOGS = {
    "full": (((219, 22, 9), (40, 62, 7), (21, 3, 59)), 0.7605),
    "CASME II": (((83, 5, 0), (12, 19, 1), (2, 0, 23)), 0.8686),
    "SMIC": (((54, 10, 6), (17, 30, 4), (14, 1, 28)), 0.7013),
    "SAMM": (((82, 7, 3), (11, 13, 2), (5, 2, 8)), 0.6810),
}  # fmt: skip
