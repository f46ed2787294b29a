"""Reports: pure functions over recorded results. `python -m reports` renders the last run."""
