"""The report of a run: one page for whoever answers for the street."""
