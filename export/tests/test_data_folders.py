from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.errors import ConfigError, UnknownName
from edgefer.spec import EXPRESSIONS
from edgefer_export.data import Loading, load_dataset, load_splits, pick
from edgefer_export.data.folders import expression_named
from edgefer_export.data.grouping import torn
from tests.picture_files import fill, noise, write_picture

CLASSES = ("anger", "Disgusted", "fearful", "Happiness", "sad", "surprised", "normal")


def kaggle(root: Path, splits: tuple[str, ...] = ("train", "validation")) -> Path:
    """Three pictures of each of seven classes in each split; none is a copy."""
    for number, split in enumerate(splits):
        for label, name in enumerate(CLASSES):
            fill(root / split / name, 3, 100 * number + 10 * label)
    return root


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Anger", "angry"),
        ("disgusted", "disgust"),
        ("0_fearful", "fear"),
        ("HAPPINESS", "happy"),
        ("sadness", "sad"),
        ("shock", "surprise"),
        ("normal", "neutral"),
        ("Contempt", "contempt"),
        ("tired", None),
    ],
)
def test_a_class_is_known_in_its_usual_spellings(name: str, meant: str | None) -> None:
    assert expression_named(name) == meant


def test_official_splits_of_class_folders_are_kept(tmp_path: Path) -> None:
    dataset = load_dataset(kaggle(tmp_path), Loading())
    assert dataset.divided == "official"
    assert list(dataset.splits) == ["train", "validation"]
    for name, split in dataset.splits.items():
        assert split.name == name
        assert split.counts() == (3,) * 7
        assert split.expressions == EXPRESSIONS
        assert split.images.shape == (21, 48, 48)
    assert dataset.skipped == ()


def test_a_test_split_is_kept_and_validation_rows_are_held_out_of_training(tmp_path: Path) -> None:
    splits = load_splits(kaggle(tmp_path, ("train", "test")), held_out=1 / 3)
    assert {n: s.counts() for n, s in splits.items()} == {
        "train": (2,) * 7,
        "validation": (1,) * 7,
        "test": (3,) * 7,
    }


def test_folders_of_classes_alone_are_divided_the_same_way_each_time(tmp_path: Path) -> None:
    root = kaggle(tmp_path) / "train"
    once, again = (load_dataset(root, Loading(held_out=0.34)) for _ in range(2))
    assert {n: s.digest() for n, s in once.splits.items()} == {
        n: s.digest() for n, s in again.splits.items()
    }
    assert once.splits["validation"].counts() == (1,) * 7
    assert "34% held out" in once.divided
    assert once.splits["train"].leak is None


def test_a_picture_that_is_also_in_training_is_marked_as_leaked(tmp_path: Path) -> None:
    root = kaggle(tmp_path)
    copy = root / "validation" / "sad" / "copy.png"
    shutil.copyfile(root / "train" / "anger" / "0.png", copy)
    splits = load_splits(root)
    leak = splits["validation"].leak
    assert leak is not None
    assert leak.sum() == 1
    row = int(leak.argmax())
    assert splits["validation"].expressions[splits["validation"].labels[row]] == "sad"
    assert torn(splits.values()) == 1


def test_copies_stay_on_one_side_where_we_divide(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for label, name in enumerate(("happy", "sad")):
        fill(root / name, 12, 100 * label)
        for number in range(6):
            original = root / name / f"{100 * label + number}.png"
            shutil.copyfile(original, root / name / f"copy of {number}.png")
    for seed in range(5):
        splits = load_dataset(root, Loading(held_out=0.4, seed=seed)).splits
        train, validation = ({i.tobytes() for i in s.images} for s in splits.values())
        assert not train & validation
        assert sum(len(s) for s in splits.values()) == 36


def test_five_classes_are_numbered_in_our_order(tmp_path: Path) -> None:
    for number, name in enumerate(("shock", "normal", "angry", "sad", "happy")):
        fill(tmp_path / "five" / name, 4, 10 * number)
    split = load_splits(tmp_path / "five")["train"]
    assert split.expressions == ("angry", "happy", "sad", "surprise", "neutral")
    assert split.counts() == (3, 3, 3, 3, 3)


def test_what_is_left_out_is_reported_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = kaggle(tmp_path)
    (root / "train" / "sad" / "empty.jpg").touch()
    (root / "train" / "sad" / "notes.txt").write_text("no picture")
    (root / "train" / "sad" / "._30.png").write_text("what macOS adds")
    fill(root / "train" / "tired", 1, 900)
    fill(root / "extra" / "sad", 1, 901)
    dataset = load_dataset(root, Loading())
    assert len(dataset.splits["train"]) == 21
    told = {each.where: each.reason for each in dataset.skipped}
    assert set(told) == {"train/sad/empty.jpg", "train/tired", "extra"}
    assert "0 bytes" in told["train/sad/empty.jpg"]
    assert str(root) not in told["train/sad/empty.jpg"]
    load_splits(root)
    err = capsys.readouterr().err
    assert "3 left out" in err
    assert "train/sad/empty.jpg" in err


def test_the_report_counts_equal_reasons_and_names_a_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = kaggle(tmp_path)
    for number in range(5):
        (root / "train" / "sad" / f"bad{number}.jpg").touch()
    load_splits(root)
    line = next(row for row in capsys.readouterr().err.splitlines() if "0 bytes" in row)
    assert line.strip().startswith("5 ")
    assert line.endswith("bad0.jpg, train/sad/bad1.jpg, train/sad/bad2.jpg and 2 more")


def test_a_data_set_most_of_which_is_damaged_is_refused(tmp_path: Path) -> None:
    for name in ("happy", "sad"):
        fill(tmp_path / name, 2, 0)
        for number in range(3):
            (tmp_path / name / f"bad{number}.png").touch()
    with pytest.raises(ConfigError, match="of 10 pictures 6 cannot be read"):
        load_splits(tmp_path)


def test_a_folder_that_holds_nothing_known_says_what_was_looked_for(tmp_path: Path) -> None:
    fill(tmp_path / "holidays", 3, 0)
    with pytest.raises(ConfigError, match=r"fer2013.*class|fer2013.*KDEF.*cohn-kanade"):
        load_splits(tmp_path)


def test_a_data_set_is_found_below_the_folders_of_its_archive(tmp_path: Path) -> None:
    kaggle(tmp_path / "archive" / "images")
    assert len(load_splits(tmp_path)["train"]) == 21


def test_pictures_of_the_right_size_are_not_touched(tmp_path: Path) -> None:
    grey = np.repeat(noise(0, 48, 48)[..., :1], 3, axis=2)
    for number, name in enumerate(("happy", "sad")):
        write_picture(tmp_path / name / "0.png", np.roll(grey, number, axis=0))
        write_picture(tmp_path / name / "1.png", np.roll(grey, number + 9, axis=1))
    splits = load_splits(tmp_path, held_out=0.5)
    found = {image.tobytes() for split in splits.values() for image in split.images}
    assert grey[..., 0].tobytes() in found


def test_colour_keeps_blue_green_and_red_and_cuts_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((30, 60, 3), np.uint8)
    wide[:, 15:45] = (10, 20, 30)
    for name in ("happy", "sad"):
        for number in range(2):
            wide[0, 15] = number  # no copies
            write_picture(tmp_path / name / f"{name}{number}.png", wide)
    split = load_splits(tmp_path, colour="bgr", size=30, held_out=0.5)["train"]
    assert split.images.shape[1:] == (30, 30, 3)
    assert (split.images[:, 1:] == (10, 20, 30)).all()


def test_contempt_is_kept_dropped_or_counted_as_another(tmp_path: Path) -> None:
    root = kaggle(tmp_path, ("train", "val"))
    fill(root / "train" / "contempt", 2, 800)
    fill(root / "val" / "contempt", 1, 810)
    kept = load_splits(root)["train"]
    assert (kept.expressions, kept.counts()) == ((*EXPRESSIONS, "contempt"), (*(3,) * 7, 2))
    dropped = load_dataset(root, Loading(contempt="drop"))
    assert dropped.splits["train"].counts() == (3,) * 7
    assert [each.where for each in dropped.skipped] == [
        "train/contempt/800.png",
        "train/contempt/801.png",
        "val/contempt/810.png",
    ]
    as_disgust = load_splits(root, contempt="disgust")["train"]
    assert as_disgust.counts() == (3, 5, 3, 3, 3, 3, 3)
    with pytest.raises(UnknownName, match="sadd"):
        load_splits(root, contempt="sadd")


def test_a_split_of_the_same_role_stands_in(tmp_path: Path) -> None:
    splits = load_splits(kaggle(tmp_path))
    assert pick(splits, "public", tmp_path) is splits["validation"]
    with pytest.raises(UnknownName, match="private"):
        pick(splits, "private", tmp_path)


def test_haar_keeps_the_face_and_reports_pictures_without_one(shared: Path, tmp_path: Path) -> None:
    portrait = cv2.imread(str(shared / "media" / "astronaut.png"))
    assert portrait is not None
    for number, name in enumerate(("happy", "sad")):
        for shift in range(2):
            there = portrait[:, number + 2 * shift :].astype(np.uint8)
            write_picture(tmp_path / name / f"face{shift}.png", there)
    write_picture(tmp_path / "sad" / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    dataset = load_dataset(tmp_path, Loading(crop="haar", held_out=0.5))
    assert sum(len(split) for split in dataset.splits.values()) == 4
    assert [each.where for each in dataset.skipped] == ["sad/wall.png"]
    assert "no face" in dataset.skipped[0].reason
    whole = load_splits(tmp_path, held_out=0.5)
    assert dataset.splits["train"].digest() != whole["train"].digest()


@pytest.mark.parametrize(
    "wrong", [{"size": 7}, {"colour": "rgb"}, {"crop": "tight"}, {"held_out": 1.0}, {"peaks": 0}]
)
def test_a_choice_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Loading(**wrong)  # type: ignore[arg-type]  # wrong on purpose
