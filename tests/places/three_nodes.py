"""A Ray cluster of three nodes on this computer, told what to do on stdin: `kill`, `add`;
`blind FOLDER` adds a node that sees an empty disk there, `gone` ends that.

Started as `python -m tests.places.three_nodes DASHBOARD_PORT`; says a line when it has done so.
"""

import os
import subprocess
import sys
import time
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

from tests.places.conftest import free_port

STORE_BYTES = 80 * 2**20


def add(cluster: Cluster) -> object:
    return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, **own_port())


def own_port() -> dict[str, int]:
    """The one of Ray's that is the same for all: another cluster may run on this computer."""
    return {"dashboard_agent_listen_port": free_port()}


def blind(cluster: Cluster, folder: str) -> "subprocess.Popen[bytes]":
    begin = f"{sys.executable} -m ray.scripts.scripts start --address={cluster.address}"
    agent = f"--dashboard-agent-listen-port={free_port()}"
    options = f"{agent} --num-cpus=0 --object-store-memory={STORE_BYTES} --block"
    told = f'mount -t tmpfs none "{folder}" && exec {begin} {options}'
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", told],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while sum(node["Alive"] for node in ray.nodes()) < 4:
        time.sleep(0.5)
    return process


def obeyed(
    line: str, cluster: Cluster, others: list[Any], blinded: "list[subprocess.Popen[bytes]]"
) -> None:
    what, _, folder = line.partition(" ")
    if what == "kill":
        cluster.remove_node(others.pop(), allow_graceful=False)
    elif what == "add":
        others.append(add(cluster))
    elif what == "blind":
        blinded.append(blind(cluster, folder))
    elif what == "gone":
        while blinded:
            process = blinded.pop()
            process.terminate()
            process.wait()


def main(port: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray has to say, of nodes that were lost, is no answer
    head = {
        "num_cpus": 1,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": True,
        "dashboard_host": "127.0.0.1",
        "dashboard_port": port,
        **own_port(),
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    others: list[Any] = [add(cluster), add(cluster)]
    blinded: list[subprocess.Popen[bytes]] = []
    cluster.connect()
    print("up", file=answers, flush=True)
    for line in sys.stdin:
        obeyed(line.strip(), cluster, others, blinded)
        print("done", file=answers, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
