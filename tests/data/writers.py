"""Writes small datasets in the format of the official releases; each takes the root and plain tables."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

GENRES_100K = 19
KUAIRAND_HEADER = (
    "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
    "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab"
)
KUAIRAND_VIDEOS = (
    "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,server_height,"
    "music_id,music_type,tag"
)
KUAIREC_HEADER = "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio"


def _write(path: Path, rows: list[str], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{row}\n" for row in rows).encode(encoding))


def coat(root: Path, train, test, user_features, item_features) -> None:
    """Four matrices of integers."""
    folder = root / "coat"
    for name, matrix in (
        ("train", train),
        ("test", test),
        ("user_item_features/user_features", user_features),
        ("user_item_features/item_features", item_features),
    ):
        _write(folder / f"{name}.ascii", [" ".join(map(str, row)) for row in matrix])


def movielens_100k(root: Path, ratings, users, items) -> None:
    """ratings (user, item, rating, time); users (id, age, gender, job, zip); items (id, title, genre numbers)."""
    folder = root / "ml-100k"
    _write(folder / "u.data", ["\t".join(map(str, row)) for row in ratings])
    _write(folder / "u.user", ["|".join(map(str, row)) for row in users])
    flags = [[int(g in genres) for g in range(GENRES_100K)] for _, _, genres in items]
    films = [[i, title, "01-Jan-1995", "", "", *f] for (i, title, _), f in zip(items, flags, strict=True)]
    rows = ["|".join(map(str, film)) for film in films]
    _write(folder / "u.item", rows, "latin-1")


def movielens_1m(root: Path, ratings, users, items) -> None:
    """ratings (user, item, rating, time); users (id, gender, age, occupation, zip); items (id, title, genre names)."""
    folder = root / "ml-1m"
    _write(folder / "ratings.dat", ["::".join(map(str, row)) for row in ratings])
    _write(folder / "users.dat", ["::".join(map(str, row)) for row in users])
    _write(folder / "movies.dat", [f"{i}::{title}::{'|'.join(genres)}" for i, title, genres in items], "latin-1")


def yahoo_r3(root: Path, train, test) -> None:
    """Both logs are (user, song, rating)."""
    for name, rows in (("train", train), ("test", test)):
        path = root / "yahoo_r3" / f"ydata-ymusic-rating-study-v1_0-{name}.txt"
        _write(path, ["\t".join(map(str, row)) for row in rows])


def kuairec(root: Path, big, small, categories, folder: str = "KuaiRec") -> None:
    """Both matrices are (user, video, watch ratio, time or None); categories are (video, numbers)."""
    data = root / folder / "data"
    for name, rows in (("big", big), ("small", small)):
        lines = [
            f"{u},{i},1000,2000,{'' if t is None else '2020-07-05 00:08:23.438'},{'' if t is None else '20200705.0'},"
            f"{'' if t is None else t},{ratio!r}"
            for u, i, ratio, t in rows
        ]
        _write(data / f"{name}_matrix.csv", [KUAIREC_HEADER, *lines])
    _write(data / "item_categories.csv", ["video_id,feat", *(f'{i},"{list(c)}"' for i, c in categories)])


def kuairand(root: Path, before, during, random, tags) -> None:
    """The logs are (user, video, click, milliseconds); tags are (video, numbers)."""
    data = root / "KuaiRand-Pure" / "data"
    for name, rows in (
        ("log_standard_4_08_to_4_21_pure", before),
        ("log_standard_4_22_to_5_08_pure", during),
        ("log_random_4_22_to_5_08_pure", random),
    ):
        lines = [f"{u},{i},20220421,400,{t},{click},0,0,0,0,0,{1 - click},15,30,0,0,0,0,1" for u, i, click, t in rows]
        _write(data / f"{name}.csv", [KUAIRAND_HEADER, *lines])
    videos = [
        f"{i},7,NORMAL,2020-07-08,ShortImport,1.0,17200.0,720,1280,989206467,4.0,{_quoted(numbers)}"
        for i, numbers in tags
    ]
    _write(data / "video_features_basic_pure.csv", [KUAIRAND_VIDEOS, *videos])


def _quoted(numbers) -> str:
    text = ",".join(map(str, numbers))
    return f'"{text}"' if len(numbers) > 1 else text


def _gzipped(path: Path, rows: list[str], compress: bool) -> None:
    if not compress:
        _write(path, rows)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path.with_name(path.name + ".gz"), "wt", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in rows)


def yoochoose(root: Path, clicks, buys=None, compress: bool = False) -> None:
    """Both logs are (session, item, seconds)."""
    folder = root / "rsc15"
    stamp = "{:%Y-%m-%dT%H:%M:%S}.277Z"
    rows = [(s, stamp.format(datetime.fromtimestamp(t, UTC)), i) for s, i, t in clicks]
    _gzipped(folder / "yoochoose-clicks.dat", [f"{s},{t},{i},S" for s, t, i in rows], compress)
    if buys is not None:
        rows = [(s, stamp.format(datetime.fromtimestamp(t, UTC)), i) for s, i, t in buys]
        _gzipped(folder / "yoochoose-buys.dat", [f"{s},{t},{i},12462,1" for s, t, i in rows], compress)


def retailrocket(root: Path, events, compress: bool = False) -> None:
    """The events are (visitor, item, event, milliseconds)."""
    rows = [f"{t},{u},{e},{i},{4000 if e == 'transaction' else ''}" for u, i, e, t in events]
    header = "timestamp,visitorid,event,itemid,transactionid"
    _gzipped(root / "retailrocket" / "events.csv", [header, *rows], compress)


def amazon_industrial(root: Path, reviews, items, compress: bool = True) -> None:
    """The reviews are (user, item, rating, seconds); the items are objects of the metadata."""
    folder = root / "amazon_industrial"
    names = ("reviewerID", "asin", "overall", "unixReviewTime")
    rows = [json.dumps({**dict(zip(names, row, strict=True)), "verified": True}) for row in reviews]
    _gzipped(folder / "Industrial_and_Scientific_5.json", rows, compress)
    _gzipped(folder / "meta_Industrial_and_Scientific.json", [json.dumps(item) for item in items], compress)


def lfm_1b(root: Path, events) -> None:
    """The events are (user, album, track, seconds)."""
    rows = [f"{user}\t2\t{album}\t{track}\t{time}" for user, album, track, time in events]
    _write(root / "LFM-1b" / "LFM-1b_LEs.txt", rows)


def reddit(root: Path, events) -> None:
    """The events are (account, subreddit, seconds); the file numbers its rows in a column without a name."""
    rows = [f"{number},{user},{item},{time}" for number, (user, item, time) in enumerate(events)]
    _write(root / "reddit" / "reddit_data.csv", [",username,subreddit,utc", *rows])
