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
            "path": "",  # the file, below data.root where it is relative; text or Parquet, gzipped or not
            "test_path": "",  # a file whose rows are held out for the test
            "validation_path": "",  # and one for validation
            "user": "user",  # name of the column of users; the default also stands for userId and the like
            "item": "item",  # of items, likewise
            "rating": "rating",  # of feedback, likewise; '' where the file has none: every row then has feedback 1
            "timestamp": "timestamp",  # of times, likewise; without such a column times are unknown
            "split": "",  # of a column that says train, validation or test
            "columns": placeholder(tuple),  # the names of all columns in order, where the file has no header
            "separator": placeholder(str),  # one character or '::'; as the first line has it if it is not set
            "encoding": "utf-8",  # of the text, for instance 'latin-1'
            "decimal": ".",  # what numbers have before their fraction, '.' or ','
            "ids": "auto",  # 'integer', 'text', or integers where every id of the file is written as one
            "rating_range": placeholder(tuple),  # (lowest, highest) rating allowed; any if it is not set
            "time_unit": "s",  # of times that are numbers: s, ms, us or ns
            "duplicates": "refuse",  # a user's rows for one item: 'refuse', 'keep' all, the 'last' or the 'mean'
            "items_path": "",  # a table with a row per item: titles and categories
            "item_id": "item_id",  # name of its column of ids, which may be called otherwise as above
            "title": "title",  # of titles, likewise; '' for none
            "category": "category",  # of categories, separated by |, likewise; '' for none
        }
    )
    made.lock()
    made.update(changes)
    return made
