"""`edgefer-export zoo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer.spec import UNTRAINED
from edgefer_export.cli.options import Commands, command, positive
from edgefer_export.zoo import NETWORKS, SIZE, Network

COUNTED = """\
Parameters: Keras's count, with BatchNorm's statistics, for the input and the
classes of the publication; published: the count it printed. MACs:
multiply-accumulates of one picture of {size}x{size}x{channels}. Networks of papers are
reconstructions that the counts imply, not the authors' files."""


def add(commands: Commands) -> None:
    p = command(commands, "zoo", call, "List the networks: parameters and multiply-accumulates.")
    p.add_argument(
        "--size", type=positive, default=SIZE, help=f"side of the input of MACs, px [{SIZE}]"
    )
    p.add_argument("--channels", type=positive, default=3, help="its channels [3]")
    p.add_argument("--markdown", action="store_true", help="one table, the notes in it")
    p.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write each as ONNX with weights that nobody trained instead, to measure its speed: "
        "edgefer bench --zoo DIR",
    )


def call(args: argparse.Namespace) -> None:
    if args.export:
        export(args.export)
    else:
        show(args)


def export(folder: Path) -> None:
    """All networks, in the input and the classes of their publications."""
    from edgefer_export.runs import prepare
    from edgefer_export.untrained import write_untrained

    prepare(folder)
    for name in NETWORKS:
        path = write_untrained(name, folder)
        print(f"{path}: {path.stat().st_size:,} bytes", flush=True)
    print(f"{UNTRAINED}. Next: edgefer bench --zoo {folder}")


def show(args: argparse.Namespace) -> None:
    """The table."""
    from edgefer_export.evaluate import table

    head = ("network", "parameters", "published", "difference", "MACs")
    rows = [counts(network, args.size, args.channels) for network in NETWORKS.values()]
    notes = [network.about for network in NETWORKS.values()]
    if args.markdown:
        pairs = zip(rows, notes, strict=True)
        print(table((*head, "note"), [(*row, note) for row, note in pairs]))
    else:
        print(table(head, rows))
        print()
        print(table(("network", "note"), list(zip(NETWORKS, notes, strict=True))))
    print(f"\n{COUNTED.format(size=args.size, channels=args.channels)}")


def counts(network: Network, size: int, channels: int) -> tuple[str, ...]:
    """One row. Raises ConfigError where such an input does not fit the network."""
    import torch

    from edgefer_export import measure
    from edgefer_export.zoo import build

    with torch.device("meta"):
        built = build(network.name, classes=network.classes, channels=channels, size=size)
    published, difference = network.published, network.difference
    return (
        network.name,
        f"{network.parameters:,}",
        "-" if published is None else f"{published:,}",
        "-" if difference is None else f"{difference:+,}" if difference else "exact",
        f"{measure.macs(built, (channels, size, size)) / 1e6:,.1f} M",
    )
