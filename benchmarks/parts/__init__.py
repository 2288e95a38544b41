"""Parts of `make guarantees` with a module of their own."""
