"""A plan read as a factorial: autoencoders down, priors across."""

from dataclasses import replace

from flowshot.report.layout import Column, Row, Table, best_marked, decimals, seeds_cell
from flowshot.report.registry import metric
from flowshot.report.results import Report
from flowshot.report.tables import budget, seeds_spread
from flowshot.scoring.metrics.score import NO_EMBEDDING

SHOWN = ("fad", "kid", "prior_nats", "clips_per_second")  # each has a column for every prior


def is_factorial(report: Report) -> bool:
    """Whether the plan crosses several autoencoders with several priors."""
    return len(report.plan.autoencoders) > 1 and len(report.plan.priors) > 1


def factorial_table(report: Report, dataset: str) -> Table | None:
    """A row for each autoencoder, its best prior in each metric bold; None where there is no factorial.

    Embedding: the first that was used. The nats of a row compare, those of a column do not.
    """
    plan, words = report.plan, report.words
    columns: list[Column] = []
    rows = {name: Row(name, "", ()) for name in plan.autoencoders}
    for name in SHOWN if is_factorial(report) else ():
        embedding = next(iter(report.embeddings(dataset, name)), NO_EMBEDDING)
        seeds = report.seeds(dataset, name, embedding).reindex([(model, of) for model in rows for of in plan.priors])
        if seeds.isna().all(axis=None):
            continue
        entry = metric(name)
        places = decimals(seeds.stack(), report.digits, entry.scale)
        added = [Column(replace(entry, title=f"{entry.title} {prior}"), embedding, places) for prior in plan.priors]
        for model, row in rows.items():
            cells = best_marked([seeds_cell(seeds.loc[(model, prior)]) for prior in plan.priors], added)
            rows[model] = replace(row, cells=(*row.cells, *cells))
        columns += added
    if not columns:
        return None
    subject = "Factorial, dataset {dataset}: every prior on every autoencoder, the best of each row in bold."
    caption = (words(subject, dataset=dataset), budget(plan, words), seeds_spread(plan, words))
    return Table("factorial", dataset, caption, tuple(columns), (tuple(rows.values()),), words, shows_prior=False)
