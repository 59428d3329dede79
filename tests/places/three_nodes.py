"""A Ray cluster of three nodes on this computer, told what to do on stdin: `kill`, `add`, `end`.

Started as `python -m tests.places.three_nodes DASHBOARD_PORT`; says a line when it has done so.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

STORE_BYTES = 80 * 2**20


def main(port: int) -> None:
    head = {
        "num_cpus": 1,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": True,
        "dashboard_host": "127.0.0.1",
        "dashboard_port": port,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)

    def add() -> object:
        return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)

    others = [add(), add()]
    sys.stdout.write("up\n")
    sys.stdout.flush()
    for line in sys.stdin:
        match line.strip():
            case "kill":
                cluster.remove_node(others.pop(), allow_graceful=False)
            case "add":
                others.append(add())
            case "end":
                break
        sys.stdout.write("done\n")
        sys.stdout.flush()
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
