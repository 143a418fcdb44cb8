"""What a run shows and leaves behind: progress, metrics, tables, plots and the report."""
