"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer_export.data import (
    HELD_OUT,
    SIDE,
    Loading,
    Split,
    load_dataset,
    pick,
    report_skipped,
    together,
)

if TYPE_CHECKING:
    from edgefer_export.runs import Run  # torch, a second that `--help` need not spend

Commands = Any  # argparse's own type of what add_subparsers returns is private

ALL = "all"

DATA = "fer2013.csv or npz, or a folder: Kaggle's splits, class folders, KDEF, CK+"


def command(commands: Commands, name: str, call: Any, about: str) -> argparse.ArgumentParser:
    """A command's own parser; `call` gets the parsed arguments."""
    sub: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    sub.set_defaults(call=call)
    return sub


def add_data(p: argparse.ArgumentParser) -> None:
    """`--data`, and how it is read: what `splits_of` and `split_of` take."""
    p.add_argument("--data", required=True, type=Path, metavar="PATH", help=DATA)
    add_loading(p)


def add_loading(p: argparse.ArgumentParser) -> None:
    """How a data set is read: what `loading_of` takes. Their defaults are those of Loading."""
    group = p.add_argument_group("reading the data")
    add = group.add_argument
    add("--size", type=positive, default=SIDE, help="side of the pictures, px [%(default)s]")
    add("--colour", choices=("grey", "bgr"), default="grey", help="[%(default)s]")
    add(
        "--contempt",
        default="keep",
        metavar="CHOICE",
        help="keep it, drop it, or the expression that it counts as [%(default)s]",
    )
    add("--votes", type=Path, metavar="FILE", help="FER+'s fer2013new.csv, beside fer2013.csv")
    add(
        "--crop",
        choices=("whole", "haar"),
        default="whole",
        help="the centre square of a picture file, or the face found in it [%(default)s]",
    )
    add("--peaks", type=positive, default=1, help="CK+: last frames of a sequence [%(default)s]")
    add(
        "--held-out",
        type=float,
        metavar="SHARE",
        help=f"of rows for validation, where the data set has none [{HELD_OUT}]",
    )


def add_threads(p: argparse.ArgumentParser) -> None:
    p.add_argument("--threads", type=positive, help="threads that compute [torch's choice; 1]")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


positive.__name__ = "whole number above 0"  # argparse prints it: "invalid ... value: '0'"


def loading_of(args: argparse.Namespace, held_out: float = HELD_OUT) -> Loading:
    """What `add_loading` was given; `held_out` counts where `--held-out` was not.

    Raises ConfigError for what cannot be meant.
    """
    return Loading(
        size=args.size,
        colour=args.colour,
        contempt=args.contempt,
        votes=args.votes,
        crop=args.crop,
        peaks=args.peaks,
        held_out=held_out if args.held_out is None else args.held_out,
    )


def splits_of(args: argparse.Namespace, held_out: float = HELD_OUT) -> dict[str, Split]:
    """The splits of `--data` by name; what was left out is said on stderr. `held_out` is the
    share of validation rows where neither the data set nor `--held-out` says."""
    dataset = load_dataset(args.data, loading_of(args, held_out))
    report_skipped(args.data, dataset.skipped)
    return dataset.splits


def rows_of(args: argparse.Namespace, run: Run) -> tuple[Split, Split]:
    """The training and the validation rows of `--data` as a run saw them.

    Raises UnknownName where the data have none.
    """
    from edgefer_export.runs import refuse_other_rows

    splits = splits_of(args, run.recipe.data.validation)
    training, validation = (
        pick(splits, name, args.data).only(run.expressions) for name in ("train", "public")
    )
    training = training.faces()
    for part, rows in (("train", training), ("validation", validation)):
        refuse_other_rows(run, part, rows)
    return training, validation


def split_of(args: argparse.Namespace, name: str | None) -> Split:
    """One split of `--data`, or that of the same role: public is validation, private is test;
    `all` is every row. Without a name it is public.

    Raises UnknownName where the data set has neither.
    """
    splits = splits_of(args)
    if name == ALL:
        return together(tuple(splits.values()), ALL)
    return pick(splits, name or "public", args.data)
