"""The score of relative volume difference."""

from fewlabel.config.scores.specification import ScoreSpecification

RELATIVE_VOLUME = ScoreSpecification(
    name="relative_volume",
    title="volume difference",
    unit="%",
    low=-100,
    better=None,
    decimals=1,
    may_be_undefined=True,
    implementation="fewlabel_toys.inference.relative_volume:relative_volume",
)
