"""The parts of docs/bench.md: each has the tables of what was measured, and most have targets."""
