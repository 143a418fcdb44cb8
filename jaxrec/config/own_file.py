"""The options of the dataset `csv`, one file of the user's own, so that flags alone can describe that file."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def options(**changes: Any) -> ConfigDict:
    """Returns every option that `jaxrec.data.datasets.csv` takes, with its default and type; `changes` replace some.

    On the command line: `--config.data.options.path=ratings.csv --config.data.options.item=movie`.
    """
    made = ConfigDict(
        {
            "path": "",  # the file, below data.root where it is relative; `.parquet` is read as Parquet
            "user": "user",  # name of the column of users
            "item": "item",  # of items
            "rating": "rating",  # of feedback; '' where the file has none: every row then has feedback 1
            "timestamp": "timestamp",  # of times; without such a column times are unknown
            "separator": placeholder(str),  # one character; a tab in .tsv files, else a comma
            "ids": "auto",  # what users and items are called by: 'integer', 'text', or as the first row has it
            "rating_range": placeholder(tuple),  # (lowest, highest) rating allowed; any if it is not set
            "time_unit": "s",  # of the times: s, ms, us or ns
            "duplicates": "refuse",  # a user's second row for the same item: 'refuse' it or 'keep' both as events
        }
    )
    made.lock()
    made.update(changes)
    return made
