from __future__ import annotations

from edgefer import errors
from edgefer.cli.bench import UNSTABLE


def test_each_branch_of_the_tree_has_an_exit_code_of_its_own() -> None:
    branches = errors.EdgeferError.__subclasses__()
    codes = [branch.exit_code for branch in branches]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes
    assert errors.EdgeferError.exit_code not in codes


def test_no_error_ends_as_an_unstable_measurement_does() -> None:
    codes = [branch.exit_code for branch in errors.EdgeferError.__subclasses__()]
    assert UNSTABLE == 3
    assert UNSTABLE not in [errors.EdgeferError.exit_code, *codes]


def test_an_unknown_name_offers_the_nearest_and_lists_the_known() -> None:
    error = errors.UnknownName("detector", "yunnet", ["haar", "yunet"])
    assert error.nearest == "yunet"
    assert "haar" in str(error)
    assert errors.UnknownName("detector", "zzz", ["haar"]).nearest is None
