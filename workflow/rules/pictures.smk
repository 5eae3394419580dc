# Figures and pages that need volumes, weights or predictions: drawn of a study's results only, never of a published study.
#
# What a rule makes is added to PICTURES right behind it (`PICTURES += rules.figure1_pretexts.output`): `pictures`, `all` and
# the record of the study ask for whatever stands there. A rule that a study has nothing to show for is not defined.

PICTURES = []


# --------------------------------------------------------------------------------------------------------- targets
rule pictures:
    """All figures and pages that need volumes, weights or predictions."""
    input:
        PICTURES,
