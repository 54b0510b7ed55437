"""Everything the notebooks call. The folders are the flow: Samples, Arrays, Model, Predictions, Scores, figures."""

__version__ = "1.0.0"
