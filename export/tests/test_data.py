from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from edgefer.errors import ConfigError
from edgefer_export.data import Split, leaders, load_splits

SHORT = ("emotion", "pixels", "Usage")
SPACED = ("emotion", " Usage", " pixels")


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[str, str, str]]) -> Path:
    """Rows are (emotion, pixels, usage), written in the header's order."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for emotion, pixels, usage in rows:
            values = {"emotion": emotion, "pixels": pixels, "usage": usage}
            writer.writerow([values[name.strip().lower()] for name in header])
    return path


def pixels(value: int, count: int = 48 * 48) -> str:
    return " ".join([str(value)] * count)


@pytest.mark.parametrize("header", [SHORT, SPACED])
def test_both_headers_of_fer2013_csv_give_the_same_splits(
    tmp_path: Path, header: tuple[str, ...]
) -> None:
    rows = [
        ("0", pixels(10), "Training"),
        ("6", pixels(20), "PrivateTest"),
        ("3", pixels(255), "PublicTest"),
        ("4", pixels(30), "PrivateTest"),
    ]
    splits = load_splits(write_csv(tmp_path / "fer2013.csv", header, rows))
    assert {name: split.labels.tolist() for name, split in splits.items()} == {
        "train": [0],
        "public": [3],
        "private": [6, 4],
    }
    assert splits["private"].images[:, 0, 0].tolist() == [20, 30]
    assert splits["public"].images.shape == (1, 48, 48)


def test_a_csv_knows_no_votes_or_blank_pictures(tmp_path: Path) -> None:
    rows = [("0", pixels(10), "Training")]
    split = load_splits(write_csv(tmp_path / "a.csv", SHORT, rows))["train"]
    assert (split.votes, split.ballots, split.leak, split.flat) == (None, None, None, None)
    assert split.faces() is split


def test_copies_in_a_csv_are_found_within_and_across_splits(tmp_path: Path) -> None:
    usages = ("Training", "Training", "Training", "PublicTest", "PublicTest")
    values = (10, 20, 10, 20, 30)
    rows = [("0", pixels(v), usage) for v, usage in zip(values, usages, strict=True)]
    splits = load_splits(write_csv(tmp_path / "a.csv", SHORT, rows))
    train, public = splits["train"], splits["public"]
    assert train.groups is not None
    assert public.groups is not None
    assert public.leak is not None
    assert public.leak.tolist() == [True, False]
    first, second, third = train.groups.tolist()
    assert first == third != second
    assert public.groups.tolist() == [second, -1]


def write_votes(path: Path, usages: list[str]) -> Path:
    """FER+'s file: row i has i + 1 votes for sadness and 2 for contempt."""
    votes = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    lines = [f"Usage,Image name,{votes}"]
    for i, usage in enumerate(usages):
        lines.append(f"{usage},fer{i:07}.png,0,0,0,{i + 1},0,0,0,2,0,0")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_ferplus_votes_join_by_row(tmp_path: Path) -> None:
    usages = ["Training", "PublicTest", "Training"]
    rows = [("0", pixels(v), usage) for v, usage in enumerate(usages)]
    data = write_csv(tmp_path / "fer2013.csv", SPACED, rows)
    splits = load_splits(data, votes=write_votes(tmp_path / "fer2013new.csv", usages))
    train, public = splits["train"], splits["public"]
    assert train.votes is not None
    assert public.votes is not None
    assert train.ballots is not None
    assert train.votes[:, 4].tolist() == [1, 3]
    assert public.votes.tolist() == [[0, 0, 0, 0, 2, 0, 0]]
    assert train.ballots.tolist() == [3, 5]


@pytest.mark.parametrize(
    ("usages", "told"),
    [
        (["Training"], "1 rows and .* 2"),
        (["Training", "PublicTest", "Training"], "3 rows and .* 2"),
        (["Training", "PrivateTest"], "line 3"),
    ],
)
def test_votes_of_other_rows_are_refused(tmp_path: Path, usages: list[str], told: str) -> None:
    rows = [("0", pixels(1), "Training"), ("0", pixels(2), "PublicTest")]
    data = write_csv(tmp_path / "fer2013.csv", SHORT, rows)
    with pytest.raises(ConfigError, match=told):
        load_splits(data, votes=write_votes(tmp_path / "fer2013new.csv", usages))


def test_votes_for_an_npz_and_a_crop_of_fer2013_are_refused(tmp_path: Path, npz: Path) -> None:
    with pytest.raises(ConfigError, match="votes inside"):
        load_splits(npz, votes=tmp_path / "fer2013new.csv")
    with pytest.raises(ConfigError, match="already cut"):
        load_splits(npz, crop="haar")


def test_another_size_and_colour_are_given_when_asked(npz: Path) -> None:
    as_is, large = load_splits(npz)["public"], load_splits(npz, size=96, colour="bgr")["public"]
    assert large.images.shape == (28, 96, 96, 3)
    assert (large.images == large.images[..., :1]).all()
    assert large.labels.tolist() == as_is.labels.tolist()
    assert large.digest() != as_is.digest()
    small = large.images[..., 0].reshape(28, 48, 2, 48, 2).mean(axis=(2, 4))
    assert np.abs(small - as_is.images).mean() < 30  # noise, halved by the interpolation


def test_a_csv_in_a_folder_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "archive" / "fer2013"
    folder.mkdir(parents=True)
    write_csv(folder / "fer2013.csv", SHORT, [("0", pixels(10), "Training")])
    assert len(load_splits(tmp_path / "archive")["train"]) == 1


def test_a_csv_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no other"):
        load_splits(write_csv(tmp_path / "a.csv", SHORT, []))


def test_csv_and_npz_of_the_same_rows_have_the_same_digest(tmp_path: Path, public: Split) -> None:
    rows = [
        (str(label), " ".join(map(str, image.ravel().tolist())), "PublicTest")
        for label, image in zip(public.labels, public.images, strict=True)
    ]
    split = load_splits(write_csv(tmp_path / "a.csv", SHORT, rows))["public"]
    assert split.digest() == public.digest()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("7", pixels(1), "Training"), "line 2"),
        (("0", pixels(256), "Training"), "line 2"),
        (("0", pixels(1), "Testing"), "Testing"),
        (("0", pixels(1, 100), "Training"), "100 pixels"),
        (("angry", pixels(1), "Training"), "angry"),
        (("0", pixels(1).replace("1 1", "1 x", 1), "Training"), "'x'"),
        (("0", pixels(1).replace("1 1", "1 -1", 1), "Training"), "line 2"),
        (("0", pixels(1).replace("1 1", "1 1.5", 1), "Training"), "1.5"),
        (("0", pixels(1).replace("1 1", f"1 {2**64 + 1}", 1), "Training"), "line 2"),
    ],
)
def test_a_bad_csv_row_is_named_with_its_line(
    tmp_path: Path, row: tuple[str, str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load_splits(write_csv(tmp_path / "a.csv", SHORT, [row]))


def test_a_csv_without_usage_says_which_column_is_missing(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ("emotion", "pixels"), [])
    with pytest.raises(ConfigError, match="no column usage"):
        load_splits(path)


@pytest.mark.parametrize("name", ["absent.npz", "absent.csv"])
def test_an_absent_file_is_a_config_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_splits(tmp_path / name)


def test_an_npz_without_a_key_says_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((1, 48, 48), np.uint8), labels=np.zeros(1, int))
    with pytest.raises(ConfigError, match="no usage, ferplus_votes, leak, flat"):
        load_splits(tmp_path / "a.npz")


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"no zip at all")
    with pytest.raises(ConfigError, match="not an npz"):
        load_splits(path)


def test_pictures_of_another_size_are_refused(tmp_path: Path, npz: Path) -> None:
    arrays = dict(np.load(npz))
    np.savez(tmp_path / "a.npz", **{**arrays, "images": arrays["images"][:, :32, :32]})
    with pytest.raises(ConfigError, match="32, 32"):
        load_splits(tmp_path / "a.npz")


def test_votes_are_put_into_our_order(npz: Path, training: Split) -> None:
    crowd = np.load(npz)["ferplus_votes"][0]
    assert training.votes is not None
    assert training.ballots is not None
    neutral, happiness, surprise, sadness, anger, disgust, fear = crowd[:7]
    wanted = [anger, disgust, fear, happiness, sadness, surprise, neutral]
    assert training.votes[0].tolist() == wanted
    assert training.ballots[0] == crowd.sum() == 10


def test_faces_drops_exactly_the_blank_pictures(npz: Path) -> None:
    train = load_splits(npz)["train"]
    assert len(train.faces()) == len(train) - 2
    assert train.faces().images.reshape(54, -1).std(axis=1).min() > 0


def test_a_tie_has_no_leader() -> None:
    votes = np.array([[0, 5, 0, 5, 0, 0, 0], [0, 0, 3, 2, 0, 0, 0], [0] * 7], np.float32)
    winner, alone = leaders(votes)
    assert alone.tolist() == [False, True, False]
    assert winner[1] == 2


def test_the_shared_data_have_the_published_class_counts(shared: Path) -> None:
    splits = load_splits(shared / "data" / "fer2013_train_public.npz")
    assert splits["train"].counts() == (3995, 436, 4097, 7215, 4830, 3171, 4965)
    assert splits["public"].counts() == (467, 56, 496, 895, 653, 415, 607)
    assert len(splits["train"].faces()) == 28697
    # Quoted in the card of the model that is shipped.
    assert splits["public"].digest() == "2c65751a4616"
