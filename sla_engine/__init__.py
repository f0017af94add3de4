"""The agreement, as values and pure functions: no I/O, no clock, no logging, no randomness."""
