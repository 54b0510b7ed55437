"""Stills without names: what is known of who is in them, and the copies among them (notebook 01)."""

import pandas as pd

from helpers import datasets


def unit(samples):
    """What one subject is, in the plural: people, or clusters of near-duplicates where nobody is named."""
    return "clusters" if set(samples.kind) == {"image"} else "people"


def compute_copies(samples):
    """Near-duplicates among stills: a table quantity, count; empty for clips, whose sources name their people."""
    reader = datasets.reader(samples.attrs["dataset"])
    if not hasattr(reader, "duplicates"):
        return pd.DataFrame(columns=["quantity", "count"])
    pairs, clusters = reader.duplicates(samples), samples.subject.value_counts()
    across = pairs[pairs.across_split]
    rows = {
        "stills": len(samples), "clusters of near-duplicates": len(clusters), "stills in the largest": clusters.max(),
        "pairs of near-duplicates": len(pairs), "of these with different labels": int((~pairs.same_label).sum()),
        "of these across train and test": len(across),
        "test stills left out": int((samples.split == "duplicate").sum()),
    }  # fmt: skip
    return pd.DataFrame(rows.items(), columns=["quantity", "count"])


def verdict_on_people(samples, copies):
    """One sentence: are the people known, and if not, what stands in for them?"""
    if copies.empty:
        return f"The source names its {samples.subject.nunique()} people, so scores can be person-independent."
    count = copies.set_index("quantity")["count"]
    return (
        f"**Person-independence unknown:** these stills name nobody. {count['pairs of near-duplicates']} pairs are "
        f"near-duplicates, {count['of these across train and test']} of them across train and test; the "
        f"{count['test stills left out']} test stills concerned are left out. One person in two different pictures is "
        "not noticed."
    )
