"""One small module per command; each has `run(flags) -> int`, the exit status."""
