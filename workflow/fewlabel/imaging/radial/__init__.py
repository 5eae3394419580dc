"""Radial multi-coil fast spin echo: acquired (simulated), gridded, shared between echoes, fitted."""
