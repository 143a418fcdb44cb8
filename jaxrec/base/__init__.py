"""What every other part rests on: records, contracts, errors, checked ranges, files."""
