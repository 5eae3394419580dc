"""Compiled kernels of the network's training on CPUs: C sources, their loading, and the operations that use them.

Without a compiler at installation, the network uses PyTorch's operations instead. May import utils.
"""
