"""A volume on its way to slices."""
