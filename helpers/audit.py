"""Audit anybody's predictions: `python -m helpers.audit predictions.csv`. `--help` lists the options.

One finding a line: violations, then notes, then what is in order. Exit status: 0 no violation, 1 a violation, 2 there
is nothing that could be audited.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from helpers.workspace import WorkbookError


def parse(argv=None):
    """Command line to namespace."""
    parser = argparse.ArgumentParser("helpers.audit", description="Audit a table of predictions.", allow_abbrev=False)
    parser.add_argument("predictions", type=Path, help="predictions.csv, or a log of the MEGC challenge")
    parser.add_argument(
        "--samples", type=Path, metavar="FILE", help="CSV: sample_id, subject[, dataset, emotion, split]"
    )
    parser.add_argument("--published", metavar="uf1=..,uar=..", help="scores to be found in the predictions")
    parser.add_argument("--task", metavar="NAME", help="this task only (and the name of a log's task)")
    parser.add_argument("--model", metavar="NAME", help="whose scores were published")
    parser.add_argument("--classes", metavar="A,B,C", help="classes, where no p_ columns name them")
    return parser.parse_args(argv)


def main(argv=None):
    """Print every finding; returns the exit status."""
    args = parse(argv)
    sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character must not end the audit
    try:
        from helpers.evaluation import checks, readings  # heavy: after the command line is known to be right

        published = readings.claims(args.published) if args.published is not None else None
        classes = [name.strip() for name in args.classes.split(",")] if args.classes else None
        found = checks.of_file(args.predictions, args.samples, published, args.task, args.model, classes)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 2
    kinds = Counter(finding.kind for finding in found)
    print(*found, sep="\n")
    print(
        f"{args.predictions.name}: {kinds['violation']} violations, {kinds['note']} notes, {kinds['in order']} in order"
    )
    return int(kinds["violation"] > 0)


if __name__ == "__main__":
    sys.exit(main())
