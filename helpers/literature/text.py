"""Terms in titles: tokens, stop words, phrases that belong together, spellings folded. Needs no download.

NLTK's tokenizer, stemmer and collocation finder work without its data files. Phrases are pairs of neighbouring words
that occur together far more often than their frequencies explain (log-likelihood ratio: Dunning 1993,
aclanthology.org/J93-1003); longer phrases grow from pairs, if the pair mostly occurs inside them.
"""

import html
import re
import unicodedata
from collections import Counter
from itertools import pairwise

import pandas as pd
from nltk.collocations import BigramAssocMeasures, BigramCollocationFinder
from nltk.stem import SnowballStemmer
from nltk.tokenize import RegexpTokenizer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from helpers.literature import corpus

JOINT = "\u00a0"  # holds the words of a phrase together
TOKENS = RegexpTokenizer(r"[^\W_]+(?:[-'’][^\W_]+)*")
STEM = SnowballStemmer("english").stem
ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "c": "\u0327", "v": "\u030c"}
# Words that titles of any field are made of: they would connect everything with everything ...
FILLERS = frozenset(
    "using based via novel new approach method towards toward study framework case improved improving effective "
    "efficient learning task system review survey overview recent beyond application extended high low multi two dual "
    "joint single fusion information wise level aware guided driven".split()
)
# ... and words that say something only as part of a phrase
ALONE = frozenset(
    "network feature facial face model local global data region relation training algorithm automatic adaptive "
    "integral grand representation discriminative extraction movement deep pattern objective evaluation multi-scale "
    "sequence neural unit convolutional class science research challenge analysis action large small long short "
    "weighted combined mean better code effect influence enhanced robust revealing prior difference directional "
    "baseline method modeling image video dynamic macro micro temporal hybrid structure vector "
    "recognition detection estimation descriptor classification projection domain space".split()
)
STOP = ENGLISH_STOP_WORDS | FILLERS
EMPTY = STOP | ALONE | {f"{word}s" for word in ALONE}
MOSTLY = 0.5  # share of a phrase's occurrences that must lie inside a longer one
UNRELATED = 10.83  # log-likelihood ratio that two unrelated words exceed once in a thousand (chi-squared, 1 degree)


def plain(title):
    r"""A title without TeX and mark-up: `{\'E}motion $\alpha$ <i>x</i>` is `Émotion alpha x`."""
    text = re.sub(r"<[^>]+>", " ", html.unescape(title))
    accent = r"\\(['`^\"~]|[cv](?![A-Za-z]))\s*\{?\\?([A-Za-z])\}?"
    text = re.sub(accent, lambda found: found[2] + ACCENTS[found[1]], text)
    text = re.sub(r"\\(?:text|math|emph)\w*\s*", " ", text)
    text = re.sub(r"\\([A-Za-z]+)", r" \1 ", text)
    text = re.sub(r"\^\{?(\w+)\}?", r"\1", text)
    text = re.sub(r"[\u2010-\u2012]", "-", re.sub(r"[{}$\\]", "", text))  # publishers' hyphens are hyphens
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def read_synonyms(file=corpus.FOLDER / "synonyms.csv"):
    """{variant: term}: spellings that mean the same, from a table that anyone can extend."""
    table = corpus.read_table(file, ("variant", "term"))
    return dict(zip(table.variant, table.term, strict=True))


def tokens(title, synonyms):
    """Lower-case words of a title in their order, variants replaced by their term. List of str."""
    words = [word.replace("’", "'") for word in TOKENS.tokenize(plain(title).casefold())]
    text = f" {' '.join(words)} "
    for variant in sorted(synonyms, key=len, reverse=True):
        text = text.replace(f" {variant} ", f" {synonyms[variant]} ")
    return text.split()


def compute_phrases(documents, least=5):
    """Word pairs that belong together: a table phrase, papers, score, the strongest first.

    documents: lists of tokens; least: titles that must contain the pair. score: log-likelihood ratio.
    """
    finder = BigramCollocationFinder.from_documents(documents)
    finder.apply_freq_filter(least)
    finder.apply_word_filter(lambda word: word in STOP or len(word) < 2)
    measure = BigramAssocMeasures()
    rows = [
        (" ".join(pair), finder.ngram_fd[pair], score) for pair, score in finder.score_ngrams(measure.likelihood_ratio)
    ]
    table = pd.DataFrame(rows, columns=["phrase", "papers", "score"])
    return table[table.score > UNRELATED].reset_index(drop=True)


def compute_terms(papers, least=5, synonyms=None):
    """Terms of each title: Series of tuples by paper id, and the table of phrases they were made with.

    A phrase swallows its words; what is left are single words that at least `least` titles have in common. Words with
    one stem count as one, shown in their commonest form.
    """
    synonyms = read_synonyms() if synonyms is None else synonyms
    documents = [tokens(title, synonyms) for title in papers.title]
    phrases = compute_phrases(documents, least)
    documents = _join(documents, phrases)
    inside = Counter(token for document in documents for token in document)
    longer = compute_phrases(documents, least)
    longer = longer.loc[[row.Index for row in longer.itertuples() if _grew(row, inside)]]
    found = [_content(document) for document in _join(documents, longer)]
    spelled = {}
    for term, count in Counter(term for terms in found for term in terms).most_common():
        spelled.setdefault(stem(term), Counter())[term] = count
    shown = {stem: forms.most_common(1)[0][0] for stem, forms in spelled.items()}
    sets = [tuple(dict.fromkeys(shown[stem(term)] for term in terms)) for terms in found]
    often = {term for term, count in Counter(term for terms in sets for term in terms).items() if count >= least}
    sets = [tuple(term for term in terms if term in often) for terms in sets]
    phrases = pd.concat([phrases, longer], ignore_index=True)
    phrases["phrase"] = phrases.phrase.str.replace(JOINT, " ")
    return pd.Series(sets, index=papers.id, dtype=object), phrases


def compute_frequency(sets):
    """How many papers have each term: a table term, papers, share, the commonest first."""
    counts = Counter(term for terms in sets for term in set(terms))
    table = pd.DataFrame(sorted(counts.items(), key=lambda item: (-item[1], item[0])), columns=["term", "papers"])
    return table.assign(share=table.papers / max(len(sets), 1))


def _join(documents, phrases):
    """Lists of tokens with their phrases put together, the strongest phrase of a title first."""
    rank = {tuple(phrase.split(" ")): number for number, phrase in enumerate(phrases.phrase)}
    joined = []
    for document in documents:
        while pairs := [(rank[pair], pair) for pair in pairwise(document) if pair in rank]:
            pair = min(pairs)[1]
            place = list(pairwise(document)).index(pair)
            document = [*document[:place], JOINT.join(pair), *document[place + 2 :]]
        joined.append(document)
    return joined


def _grew(row, occurrences):
    """True for a phrase that grew from a pair and holds most of that pair's occurrences."""
    parts = [part for part in row.phrase.split(" ") if JOINT in part]
    return bool(parts) and all(row.papers >= MOSTLY * occurrences[part] for part in parts)


def _content(document):
    """Terms of a joined document: phrases, and words that say something by themselves."""
    kept = [token for token in document if JOINT in token or (len(token) > 1 and token not in EMPTY)]
    return [token.replace(JOINT, " ") for token in kept]


def stem(term):
    """A term reduced to the stems of its words: equal for singular and plural."""
    return " ".join(STEM(word) for word in term.split())
