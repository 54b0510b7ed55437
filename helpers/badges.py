"""Point the workbook to a fork: `python -m helpers.badges https://github.com/me/fork`.

The repository's address stands in pyproject.toml. Badges, setup cells, CITATION.cff and README.md repeat it, because
each of them is read on its own; this command rewrites them all, and without an address says where they disagree.
"""

import re
import sys
import tomllib

from helpers import storage
from helpers.workspace import ROOT, WorkbookError

BRANCH = "main"
_REPOSITORY = r"[\w.-]+/[\w.-]+"
# A place of the address, and what stands there for the repository `{0}` (owner/name). \g<file> is a notebook's name.
_PLACES = (
    (r'(?m)^Repository = ".*"$', 'Repository = "https://github.com/{0}"'),
    (r"(?m)^repository-code: .*$", "repository-code: https://github.com/{0}"),
    (rf'HOME = (?P<q>\\?")https://github\.com/{_REPOSITORY}\\?"', r"HOME = \g<q>https://github.com/{0}\g<q>"),
    (
        rf"colab\.research\.google\.com/github/{_REPOSITORY}/blob/[\w.-]+/notebooks/(?P<file>\w+\.ipynb)",
        rf"colab.research.google.com/github/{{0}}/blob/{BRANCH}/notebooks/\g<file>",
    ),
)


def address(root=ROOT):
    """The repository's address, as pyproject.toml has it."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def renewed(wanted, root=ROOT):
    """{path: text} of the files in which something else than the address `wanted` stands.

    In a notebook a badge must also name that very notebook. Raises WorkbookError for an address that is not
    https://github.com/owner/name: Colab opens nothing else.
    """
    found = re.fullmatch(rf"https://github\.com/({_REPOSITORY}?)(?:\.git)?/?", wanted)
    if not found:
        raise WorkbookError(f"{wanted!r} is no repository on GitHub", remedy="give https://github.com/owner/name")
    before, changed = address(root), {}
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    for path in [*(root / name for name in ("pyproject.toml", "CITATION.cff", "README.md")), *notebooks]:
        text = path.read_text(encoding="utf-8")
        new = re.sub(rf"{re.escape(before)}(?![\w-])", f"https://github.com/{found[1]}", text)
        for place, there in _PLACES:
            new = re.sub(place, there.format(found[1]), new)
        if path in notebooks:
            new = re.sub(rf"/blob/{BRANCH}/notebooks/\w+\.ipynb", f"/blob/{BRANCH}/notebooks/{path.name}", new)
        if new != text:
            changed[path] = new
    return changed


def main(argv=None, root=ROOT):
    """Exit status: 0 all agree (now), 1 they disagree, 2 the address is none."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        changed = renewed(*argv[:1] or [address(root)], root)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in changed.items():
        if argv:
            with storage.atomic(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        print(f"{'rewritten' if argv else 'another address'}: {path.relative_to(root)}")
    print(
        f"{address(root)}: {'all agree' if argv or not changed else 'run python -m helpers.badges with this address'}"
    )
    return int(bool(changed) and not argv)


if __name__ == "__main__":
    sys.exit(main())
