"""Figures of the literature map: terms, their network, their centre and rim, and when they were studied.

Each function draws a table or graph of helpers.literature; see there for what the columns mean.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.patheffects import withStroke

from helpers.show.plots import ACCENT, PALETTE, QUIET

# Okabe & Ito's colours, then Paul Tol's: communities in the order of their size
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#999933", "#882255", "#777777"]
ROLES = {"centre": (ACCENT, "o"), "between": (PALETTE["happiness"], "s"), "rim": (QUIET, "^")}
SPOTS = ((0, 1, "center", "bottom"), (0, -1, "center", "top"), (1, 0, "left", "center"), (-1, 0, "right", "center"))


def plot_timeline(timeline, since=2005):
    """Papers a year, stacked by group: rows of compute_timeline, those before `since` as one bar. Returns a figure."""
    rows = timeline.assign(year=timeline.year.clip(lower=since - 1)).groupby("year").sum()
    figure, axes = plt.subplots(figsize=(9, 3.8))
    bottom = np.zeros(len(rows))
    for number, name in enumerate(rows):
        colour = QUIET if name == "other" else COLOURS[number]
        axes.bar(rows.index, rows[name], bottom=bottom, label=name, color=colour, width=0.85)
        bottom += rows[name]
    middle = rows.index[bottom.cumsum() >= bottom.sum() / 2][0]
    axes.set(xlabel="year of publication", ylabel="papers", xlim=(since - 2, rows.index.max() + 1))
    ticks = range(since + 5, rows.index.max() + 1, 5)
    axes.set_xticks([since - 1, *ticks], [f"{timeline.year.min()}\n–{since - 1}", *ticks])
    axes.set_title(f"Half of the {bottom.sum():.0f} papers are from {middle} or later")
    axes.legend(ncols=2, loc="upper left")
    return figure


def plot_frequency(keywords, titles, largest=20):
    """The commonest terms, in assigned keywords (left) and in titles (right). Returns a figure."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 0.22 * largest + 1.2), sharex=True)
    names = ("keywords we assigned", "terms found in titles")
    for axes, table, name, colour in zip(panels, (keywords, titles), names, (ACCENT, COLOURS[2]), strict=True):
        rows = table.head(largest)[::-1]
        axes.barh(rows.term, rows.papers, color=colour)
        axes.bar_label(axes.containers[0], padding=3, fontsize=8)
        axes.set(xlabel="papers", title=f"{name}\n“{table.term[0]}”: {table.share[0]:.0%} of papers")
        axes.margins(x=0.12, y=0.02)
    return figure


def plot_cloud(frequency, community, seed=0):
    """Word cloud: the size of a term follows its papers, the colour its community. Returns a figure."""
    from wordcloud import WordCloud

    def colour(word, **_):
        return COLOURS[min(community.get(word, len(COLOURS)), len(COLOURS) - 1)]

    cloud = WordCloud(
        width=1500, height=640, background_color="white", color_func=colour, random_state=seed, prefer_horizontal=1,
        relative_scaling=0.4, min_font_size=14, margin=5, font_path=font_manager.findfont("DejaVu Sans"),
    )  # fmt: skip
    figure, axes = plt.subplots(figsize=(10, 4.8))
    sizes = dict(zip(frequency.term, frequency.papers, strict=True))
    axes.imshow(cloud.generate_from_frequencies(sizes).to_array())
    axes.set_axis_off()
    one, other = frequency.term[:2]
    axes.set_title(f"Largest: “{one}” and “{other}”")
    return figure


def plot_network(graph, community, centrality, places, title):
    """Map of terms: area = papers, colour = community, paleness = place between centre and rim, width = strength.

    graph: what to draw (a backbone); community, places: by term; centrality: table of compute_centrality.
    """
    figure, axes = plt.subplots(figsize=(10.5, 7.6))
    role, strongest = centrality.set_index("term").role, max(e["strength"] for *_, e in graph.edges(data=True))
    for one, other, edge in graph.edges(data=True):
        line = np.array([places[one], places[other]]).T
        axes.plot(*line, color="#B9C0C8", linewidth=0.6 + 2.6 * np.sqrt(edge["strength"] / strongest), zorder=1)
    terms = sorted(graph, key=lambda term: -graph.nodes[term]["count"])
    points = np.array([places[term] for term in terms])
    colours = [_paler(COLOURS[min(community[term], len(COLOURS) - 1)], role[term]) for term in terms]
    sizes = [18 + 7 * graph.nodes[term]["count"] for term in terms]
    axes.scatter(*points.T, s=sizes, c=colours, edgecolors="white", linewidths=1.2, zorder=2)
    axes.set(title=title, xlim=(-0.06, 1.06), ylim=(-0.06, 1.06))
    axes.set_axis_off()
    label(axes, points, terms, np.sqrt(sizes) / 2, beyond=25)
    return figure


def plot_centrality(centrality, shown=24):
    """How connected a term is against how much it mediates, marked by its place. Returns a figure."""
    figure, axes = plt.subplots(figsize=(9, 5.2))
    for name, (colour, marker) in ROLES.items():
        rows = centrality[centrality.role == name]
        meaning = {"centre": f"centre (k = {centrality.core.max()})", "rim": f"rim (k ≤ {centrality.core.max() // 2})"}
        sizes = 14 + 2.2 * rows.papers
        names = f"{meaning.get(name, name)}: {len(rows)} terms"
        axes.scatter(rows.degree, rows.betweenness, s=sizes, c=colour, marker=marker, label=names, edgecolors="white")
    axes.set(xlabel="degree: share of the other terms it is linked to", ylabel="betweenness, 0 to 1")
    axes.margins(x=0.08, y=0.1)
    between = centrality.loc[centrality.betweenness.idxmax()]
    axes.set_title(f"“{centrality.term[0]}” has the most links, “{between.term}” mediates most")
    axes.legend(loc="upper left", markerscale=0.8)
    best = centrality.assign(best=centrality[["degree", "betweenness"]].rank(pct=True).max(axis=1)).nlargest(
        shown, "best"
    )
    everyone = centrality[["degree", "betweenness"]].to_numpy()
    others = everyone[~centrality.term.isin(best.term)]
    label(axes, best[["degree", "betweenness"]].to_numpy(), [*best.term], 3 + np.sqrt(best.papers) / 2, marks=others)
    return figure


def plot_bursts(bursts, largest=16):
    """When topics burst: a bar from the first to the last year of each, its height in the list by when it began."""
    if not len(bursts):
        return nothing("no topic bursts in these papers")
    rows = bursts.head(largest).sort_values(["start", "end"], ascending=False)
    figure, axes = plt.subplots(figsize=(9, 0.3 * len(rows) + 1.3))
    axes.barh(rows.term, rows.end - rows.start + 1, left=rows.start - 0.5, color=ACCENT, height=0.6)
    for row in rows.itertuples():
        text = f"{row.usual:.0%} → {row.then:.0%} of papers"
        axes.annotate(text, (row.end + 0.6, row.term), va="center", fontsize=8, color="#444444")
    axes.set(xlabel="year of publication", xlim=(rows.start.min() - 1, rows.end.max() + 5))
    axes.set_xticks(range(rows.start.min(), rows.end.max() + 1, 2))
    first, last = bursts.nsmallest(1, "start").iloc[0], bursts.sort_values(["start", "weight"]).iloc[-1]
    axes.set_title(f"From “{first.term}” ({first.start}) to “{last.term}” ({last.start})")
    return figure


def label(axes, points, names, reach, size=8.5, beyond=0, marks=None):
    """Write names beside points where they cover neither a point nor another name; one without room stays unwritten.

    points: (n, 2) in data coordinates, the most important first; reach: (n,) radius of the marks in typographic points;
    beyond: pixels by which a name may leave the axes; marks: (m, 2) other points that names keep clear of.
    """
    axes.figure.draw_without_rendering()
    renderer, taken = axes.figure.canvas.get_renderer(), []
    pixel = axes.figure.dpi / 72
    centres, radii = axes.transData.transform(points), np.broadcast_to(reach, len(points)) * pixel
    frame = axes.get_window_extent(renderer)
    others = axes.transData.transform(np.reshape([] if marks is None else marks, (-1, 2)))
    for number, (name, radius) in enumerate(zip(names, radii, strict=True)):
        for right, up, horizontal, vertical in SPOTS:
            offset = (right * (radius / pixel + 3), up * (radius / pixel + 2))
            text = axes.annotate(
                name,
                points[number],
                offset,
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=size,
                zorder=3,
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )
            box = text.get_window_extent(renderer)
            inside = frame.x0 - beyond <= box.x0 and box.x1 <= frame.x1 + beyond
            free = inside and not any(box.overlaps(other) for other in taken)
            clear = _distance(box, centres) >= 0.75 * radii
            clear[number] = True  # its own mark it may touch
            if free and clear.all() and (_distance(box, others) > 0).all():
                taken.append(box)
                break
            text.remove()


def nothing(words):
    """A figure that says why there is nothing to draw."""
    figure, axes = plt.subplots(figsize=(9, 1.2))
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center")
    return figure


def _distance(box, points):
    """Pixels from a box to each of some points, (n, 2); 0 inside."""
    return np.hypot(*(np.clip(points, box.min, box.max) - points).T)


def _paler(colour, role):
    share = {"centre": 1.0, "between": 0.72, "rim": 0.45}[role]
    rgb = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return tuple(share * rgb + 1 - share)
