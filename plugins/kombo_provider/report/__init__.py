"""The end of a run: numbers and the verdict."""
