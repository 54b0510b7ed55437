"""Which papers a figure speaks about: sets of papers that remember how they came about (as PRISMA asks of a review).

PRISMA: Page et al. 2021, doi:10.1136/bmj.n71.
"""

from dataclasses import dataclass

import pandas as pd

from helpers.workspace import WorkbookError


@dataclass(frozen=True)
class Selection:
    """Some papers of a bibliography, and the steps that led to them: (step, papers left)."""

    papers: pd.DataFrame
    steps: tuple = ()

    @classmethod
    def of(cls, papers):
        """Everything there is, as the first step."""
        return cls(papers, (("in the bibliography", len(papers)),))

    def keep(self, step, test):
        """Those papers for which test(papers) is True. test: function of the table to a mask of bool, (n,)."""
        return self._to(self.papers[test(self.papers)], step)

    def leave_out(self, step, test):
        """The papers for which test(papers) is False."""
        return self._to(self.papers[~test(self.papers)], step)

    def __and__(self, other):
        return self._to(self.papers[self.papers.id.isin(other.papers.id)], "in both")

    def __sub__(self, other):
        return self._to(self.papers[~self.papers.id.isin(other.papers.id)], "not in the other")

    def __or__(self, other):
        more = other.papers[~other.papers.id.isin(self.papers.id)]
        return self._to(pd.concat([self.papers, more], ignore_index=True), "in either")

    def __len__(self):
        return len(self.papers)

    def compute_trail(self):
        """A table step, papers, left_out: what each step took away (negative: what it added)."""
        trail = pd.DataFrame(self.steps, columns=["step", "papers"])
        return trail.assign(left_out=-trail.papers.diff().fillna(0).astype(int))

    def require(self):
        """This selection, or WorkbookError with its trail if nothing is left."""
        if not len(self):
            trail = " → ".join(f"{step}: {count}" for step, count in self.steps)
            raise WorkbookError(f"no paper is left ({trail})", remedy="ask for less, or for another word")
        return self

    def _to(self, papers, step):
        papers = papers.reset_index(drop=True)
        papers.attrs = self.papers.attrs
        return Selection(papers, (*self.steps, (step, len(papers))))


def mentions(word):
    """Test: keywords or title contain this word, whatever its case."""
    word = word.casefold()

    def test(papers):
        texts = [
            f"{title}; {'; '.join(keywords)}".casefold()
            for title, keywords in zip(papers.title, papers.keywords, strict=True)
        ]
        return pd.Series([word in text for text in texts], index=papers.index, dtype=bool)

    return test


def about_micro(papers):
    """Test: the paper is about micro-expressions, by its title or its assigned keywords."""
    return (
        mentions("micro-expression")(papers)
        | mentions("microexpression")(papers)
        | mentions("micro expression")(papers)
    )


def has(column, *values):
    """Test: the column holds one of these values (for keywords and datasets: contains one of them)."""

    def test(papers):
        if column in ("keywords", "datasets"):
            return pd.Series(
                [bool(set(values) & set(given)) for given in papers[column]], index=papers.index, dtype=bool
            )
        return papers[column].isin(values)

    return test
