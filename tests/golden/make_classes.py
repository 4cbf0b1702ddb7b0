"""Makes sklearn_classes.json: scores of class probabilities.

Usage: python make_classes.py OUT
    OUT  folder for the JSON file
Requirements (pip): scikit-learn==1.9.1. Python 3.11.

Probabilities have two decimals (and sum to one), so that many are tied. For each case: accuracy_score of the most
probable class (the first of equals), log_loss, brier_score_loss (two classes: of the second class; more: the sum of squares
over classes) and roc_auc_score (two classes: of the second class; more: one versus rest, macro average).
"""

import json, sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score


def case(rng, rows, classes):
    logits = 1.5 * rng.standard_normal((rows, classes))
    exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(classes, p=p) for p in exact])
    # Hundredths, none of them zero: the largest takes what rounding leaves.
    parts = np.maximum(1, np.round(100 * exact)).astype(int)
    parts[np.arange(rows), parts.argmax(axis=1)] += 100 - parts.sum(axis=1)
    p = parts / 100
    every = np.arange(classes)
    second = p[:, 1]
    auc = roc_auc_score(labels, second) if classes == 2 else roc_auc_score(labels, p, multi_class="ovr", labels=every)
    brier = brier_score_loss(labels, second) if classes == 2 else brier_score_loss(labels, p, labels=every)
    return {
        "classes": classes,
        "probabilities": p.tolist(),
        "labels": labels.tolist(),
        "accuracy": accuracy_score(labels, p.argmax(axis=1)),
        "log_loss": log_loss(labels, p, labels=every),
        "brier": brier,
        "auc": auc,
    }


def main():
    rng = np.random.default_rng(20)
    cases = [case(rng, rows, classes) for rows, classes in [(60, 2), (7, 2), (80, 3), (120, 5)]]
    origin = f"scikit-learn {sklearn.__version__}, made by make_classes.py"
    text = json.dumps({"origin": origin, "cases": cases})
    Path(sys.argv[1], "sklearn_classes.json").write_text(text + "\n")


main()
