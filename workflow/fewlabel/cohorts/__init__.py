"""Where volumes come from: one module a source, all with the same three functions (see `sources`)."""
