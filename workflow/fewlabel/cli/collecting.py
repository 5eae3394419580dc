"""What a study leaves: the scores and the loss histories of all runs, measures of de-streaking, and its experiment."""

from typing import Annotated

from fewlabel.cli.common import In, Out, Threads, settings_option, step
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.destreaking import MeasureSettings
from fewlabel.config.jobs.grid import CollectSettings, finetunings
from fewlabel.config.jobs.histories import HistoriesSettings, trainings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.utils import recorded_hashes

CollectJson = Annotated[CollectSettings, settings_option(CollectSettings)]
ExperimentJson = Annotated[Experiment, settings_option(Experiment)]
HistoriesJson = Annotated[HistoriesSettings, settings_option(HistoriesSettings)]
MeasureJson = Annotated[MeasureSettings, settings_option(MeasureSettings)]


@step("--results results/demo --scores scores.csv")
def collect(settings: CollectJson, results: In, scores: Out) -> None:
    """Join the scores of all runs into one long table."""
    from fewlabel.reporting.statistics.scores import collect as join

    recorded_hashes.write_recorded(
        scores, join([results / LAYOUT.run_scores(run) for run in finetunings(settings)]).to_csv(index=False)
    )


@step("--results results/demo --history history.csv")
def collect_histories(settings: HistoriesJson, results: In, history: Out) -> None:
    """Join the loss histories of all trainings into one table."""
    from fewlabel.reporting.results.histories import join_histories

    recorded_hashes.write_recorded(history, join_histories(results, trainings(settings)).to_csv(index=False))


@step("--csv measures.csv --images images.npz")
def destreaking(settings: MeasureJson, csv: Out, images: Out, threads: Threads = 1) -> None:
    """Measure the streaks that each de-streaking method leaves in a phantom."""
    from fewlabel.data.phantoms.streak_measures import measure
    from fewlabel.reporting.tables.destreaking_measures import save_measures

    save_measures(*measure(settings, threads), csv, images)


@step("--experiment experiment.yaml")
def record(settings: ExperimentJson, experiment: Out) -> None:
    """Write an experiment with all its defaults to a file."""
    from fewlabel.config.loading.load import as_yaml

    recorded_hashes.write_recorded(experiment, as_yaml(settings.model_dump(mode="json")))
