"""`edgefer-export zoo`."""

from __future__ import annotations

import argparse

from edgefer_export.cli.options import Commands, command


def add(commands: Commands) -> None:
    command(commands, "zoo", call, "List the networks: parameters and multiply-accumulates.")


def call(_: argparse.Namespace) -> None:
    from edgefer_export import measure
    from edgefer_export.evaluate import table
    from edgefer_export.zoo import NETWORKS, SIZE, build

    rows = []
    for name, about in NETWORKS.items():
        network = build(name)
        macs = measure.macs(network, (3, SIZE, SIZE))
        rows.append((name, f"{measure.parameters(network):,}", f"{macs / 1e6:.1f} M", about))
    print(table(("network", "parameters", f"MACs at {SIZE} px", ""), rows))
