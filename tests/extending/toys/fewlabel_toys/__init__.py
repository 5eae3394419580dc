"""Small extensions of FewLabel; each has a specification in `config` and an implementation of the same name."""
