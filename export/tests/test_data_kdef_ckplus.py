"""Data sets of known persons: KDEF's names and CK+'s sequences."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.errors import ConfigError
from edgefer.spec import EXPRESSIONS
from edgefer_export.data import Loading, Split, load_dataset
from edgefer_export.data.ckplus import CODES
from edgefer_export.data.kdef import EXPRESSION_OF
from tests.picture_files import noise, write_picture

PERSONS = ("F01", "F02", "M01", "M02", "M35")


@pytest.fixture(scope="session")
def kdef(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five persons, seven expressions, one angle, and a folder for each person and session."""
    root = tmp_path_factory.mktemp("kdef")
    number = 0
    for person in PERSONS:
        for code in EXPRESSION_OF:
            name = f"A{person}{code}S.JPG"
            write_picture(root / f"A{person}" / name, noise(number, 38, 28))
            number += 1
    write_picture(root / "AF01" / "AF31V.JPG", noise(1000))
    return root


@pytest.fixture(scope="session")
def ckplus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight persons with one labelled sequence of four frames and one without a label."""
    root = tmp_path_factory.mktemp("ckplus")
    for person in range(8):
        subject, code = f"S{person + 5:03}", person % 7 + 1
        for sequence in ("001", "002"):
            folder = root / "cohn-kanade-images" / subject / sequence
            for frame in range(1, 5):
                number = 1000 * person + 10 * int(sequence) + frame
                name = f"{subject}_{sequence}_{frame:08}.png"
                write_picture(folder / name, noise(number, 24, 32))
        labels = root / "Emotion" / subject / "001"
        labels.mkdir(parents=True)
        (labels / f"{subject}_001_00000004_emotion.txt").write_text(f"   {code:.7e}\n")
    return root


def persons(split: Split) -> set[int]:
    assert split.groups is not None
    assert (split.groups >= 0).all()
    return set(split.groups.tolist())


def test_kdef_names_say_the_expression(kdef: Path) -> None:
    dataset = load_dataset(kdef, Loading())
    assert dataset.name == "KDEF"
    assert sum(len(split) for split in dataset.splits.values()) == 35
    for split in dataset.splits.values():
        assert split.expressions == EXPRESSIONS
        assert len(set(split.counts())) == 1
        assert split.dataset == "KDEF"


def test_nobody_in_kdef_is_on_both_sides(kdef: Path) -> None:
    for seed in range(5):
        splits = load_dataset(kdef, Loading(held_out=0.4, seed=seed)).splits
        train, validation = persons(splits["train"]), persons(splits["validation"])
        assert not train & validation
        assert (len(train), len(validation)) == (3, 2)


def test_a_misnamed_kdef_picture_is_reported(kdef: Path) -> None:
    (skipped,) = load_dataset(kdef, Loading()).skipped
    assert skipped.where == "AF01/AF31V.JPG"
    assert "AF01ANS.JPG" in skipped.reason


def test_kdef_is_checked_against_its_published_counts(kdef: Path) -> None:
    published = load_dataset(kdef, Loading()).published
    assert published.startswith("differs")
    assert "angry 5, not 700" in published


def test_men_and_women_of_one_number_are_different_persons(kdef: Path) -> None:
    splits = load_dataset(kdef, Loading(held_out=0.4)).splits
    assert len(persons(splits["train"]) | persons(splits["validation"])) == len(PERSONS)


def test_ckplus_takes_the_last_frame_of_each_labelled_sequence(ckplus: Path) -> None:
    dataset = load_dataset(ckplus, Loading(size=24, colour="bgr", held_out=0.3))
    assert dataset.name == "CK+"
    pictures = {i.tobytes() for split in dataset.splits.values() for i in split.images}
    assert pictures == {noise(1000 * p + 14, 24, 32)[:, 4:28].tobytes() for p in range(8)}
    assert len(dataset.skipped) == 8
    assert {each.reason for each in dataset.skipped} == {"sequences without a label"}


def test_ckplus_has_contempt_and_no_neutral(ckplus: Path) -> None:
    split = load_dataset(ckplus, Loading()).splits["train"]
    assert split.expressions == (*EXPRESSIONS[:6], "contempt")
    dropped = load_dataset(ckplus, Loading(contempt="drop")).splits["train"]
    assert dropped.expressions == EXPRESSIONS[:6]


def test_the_codes_of_ckplus_mean_what_its_readme_says(ckplus: Path) -> None:
    assert ", ".join(CODES) == "neutral, angry, contempt, disgust, fear, happy, sad, surprise"
    splits = load_dataset(ckplus, Loading()).splits
    total = [sum(column) for column in zip(*(s.counts() for s in splits.values()), strict=True)]
    assert total == [2, 1, 1, 1, 1, 1, 1]  # codes 1 to 7, and 1 again


def test_more_frames_of_a_sequence_stay_with_their_person(ckplus: Path) -> None:
    once = load_dataset(ckplus, Loading())
    dataset = load_dataset(ckplus, Loading(peaks=3, held_out=0.4))
    train, validation = dataset.splits["train"], dataset.splits["validation"]
    assert len(train) + len(validation) == 24
    assert not persons(train) & persons(validation)
    assert dataset.published == once.published  # counted in sequences


def test_a_label_file_that_is_no_number_is_reported(ckplus: Path, tmp_path: Path) -> None:
    for folder in ("cohn-kanade-images", "Emotion"):
        (tmp_path / folder).mkdir()
        for subject in (ckplus / folder).iterdir():
            (tmp_path / folder / subject.name).symlink_to(subject)
    labels = tmp_path / "Emotion" / "S005"
    labels.unlink()
    (labels / "001").mkdir(parents=True)
    (labels / "001" / "S005_001_00000004_emotion.txt").write_text("happy")
    dataset = load_dataset(tmp_path, Loading())
    assert "S005/001" in [e.where for e in dataset.skipped if "0 to 7" in e.reason]


def test_frames_of_ckplus_in_class_folders_stay_with_their_person(tmp_path: Path) -> None:
    for person in range(6):
        for frame in range(3):
            for number, name in enumerate(("anger", "happy")):
                file = f"S{person:03}_00{number}_{frame:08}.png"
                write_picture(tmp_path / name / file, noise(100 * person + 10 * number + frame))
    splits = load_dataset(tmp_path, Loading(held_out=0.5)).splits
    assert not persons(splits["train"]) & persons(splits["validation"])
    assert splits["train"].counts() == (9, 9)


def test_votes_belong_to_fer2013_alone(kdef: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FER"):
        load_dataset(kdef, Loading(votes=tmp_path / "fer2013new.csv"))
