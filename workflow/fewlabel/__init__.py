"""FewLabel: how few labelled volumes does a segmentation network need, and how many does pretraining save?

Eight folders; imports run down only: cli, operations, reporting, inference, training, data, config, utils.
"""
