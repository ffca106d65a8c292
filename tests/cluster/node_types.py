"""cluster.yaml's node types for Ray's fake multi-node provider, whose nodes are processes on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Ids and names that `ray.autoscaler._private.fake_multi_node.node_provider` gives its head.
HEAD_NODE_ID = "f" * 51 + "00000"
_HEAD_NODE_TYPE = "ray.head.default"
#: Node label with the name of the node's type.
LABEL = "sensorium/node-type"
_OBJECT_STORE_BYTES = 100_000_000
_PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
#: Ray's validation asks for them, though no fake node runs any.
_COMMANDS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files",
)  # fmt: skip


def for_fake_nodes(
    cluster: Mapping[str, Any], gcs_address: str, idle_s: float, max_workers: Mapping[str, int]
) -> dict[str, Any]:
    """A configuration of `ray start --autoscaling-config` with the resources and bounds of `cluster`'s node types.

    What belongs to the cloud (instances, images, set-up commands) is left out, and so are `min_workers`: each node that
    comes was asked for by work.

    Args:
        cluster: cluster.yaml.
        gcs_address: `host:port` of the head.
        idle_s: seconds until a node without work is taken away, instead of cluster.yaml's minutes.
        max_workers: by node type, instead of cluster.yaml's.
    """
    types: Mapping[str, Any] = cluster["available_node_types"]
    head = cluster["head_node_type"]
    nothing_to_run: dict[str, Any] = {key: [] for key in _COMMANDS}
    return {
        **nothing_to_run,
        "auth": {},
        "file_mounts": {},
        "cluster_name": "fake",
        "max_workers": cluster["max_workers"],
        "idle_timeout_minutes": idle_s / 60,
        "provider": {
            "type": "external",
            "module": _PROVIDER,
            "gcs_address": gcs_address,
            "head_node_id": HEAD_NODE_ID,
            "launch_multiple": True,
        },
        "head_node_type": _HEAD_NODE_TYPE,
        "available_node_types": {
            (_HEAD_NODE_TYPE if name == head else name): {
                "resources": {**kind["resources"], "object_store_memory": _OBJECT_STORE_BYTES},
                "labels": {LABEL: name},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 0 if name == head else max_workers.get(name, kind["max_workers"]),
            }
            for name, kind in types.items()
        },
    }
