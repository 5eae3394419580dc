"""The smallest experiment that is valid."""


def config(**changes):
    return {
        "cohorts": {
            "a": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 9}, "grid": {"matrix": [64, 64]}}
        },
        "methods": {"scratch": {"pretext": "none"}},
        **changes,
    }
