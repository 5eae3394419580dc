"""FewLabel: how few labelled volumes does a segmentation network need, and how many does pretraining save?"""

__version__ = "0.1.0"
