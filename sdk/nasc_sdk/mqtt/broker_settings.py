"""Settings files of the local brokers; every value departs from a default that loses messages or opens a door."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.protocol.messages import MAX_MESSAGE_BYTES

MAX_PACKET_BYTES: Final = MAX_MESSAGE_BYTES + 4096
"""The largest message with its topic."""

# Each subscribed filter has a log of its own that keeps at most segment size x count. It must hold what a
# subscriber lags behind: a window of artifact chunks is 1 MiB.
_SEGMENT_BYTES: Final = 4 << 20
_SEGMENTS: Final = 3


def mosquitto_settings(host: str, port: int, state_dir: Path) -> str:
    """mosquitto.conf. Raises InputError for a path that the file cannot express."""
    if "\n" in str(state_dir):
        raise InputError("mosquitto cannot use a directory with a line break in its name")
    lines = [
        f"listener {port} {host}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        # With the defaults (1000, 20) a slow subscriber loses messages that were acknowledged to their sender.
        "max_queued_messages 100000",
        "max_inflight_messages 200",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "persistence true",
        f"persistence_location {state_dir}/",
        # Written on every change: with seconds between, kill -9 loses acknowledged messages. The last one may be
        # lost even so, since mosquitto acknowledges before it writes.
        "autosave_interval 1",
        "autosave_on_changes true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if os.name == "posix" and os.geteuid() == 0:
        # As root it would become its own user, who may neither read this file nor write there.
        lines.append("user root")
    return "\n".join(lines) + "\n"


def embedded_settings(host: str, port: int) -> str:
    """rumqttd's TOML; its own defaults listen to the world and cut off payloads over 20 KiB."""
    # A JSON string is a TOML basic string.
    listen = json.dumps(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return f"""id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {_SEGMENT_BYTES}
max_segment_count = {_SEGMENTS}

[v4.1]
name = "v4-1"
listen = {listen}
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = {MAX_PACKET_BYTES}
max_inflight_count = 200
dynamic_filters = true
"""
