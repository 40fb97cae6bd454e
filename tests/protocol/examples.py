"""One full example of every message."""

import msgspec

from nasc_sdk.profiling.profile import (
    Conditions,
    Measurement,
    OpTiming,
    Power,
    PowerOrigin,
    Profile,
    TimeUnit,
    Timing,
    Validity,
)
from nasc_sdk.protocol.messages import (
    Artifact,
    ArtifactRequest,
    Capabilities,
    DeployDesired,
    DeployReported,
    DeployStatus,
    LatencyReport,
    LinkReport,
    ProfileCancel,
    ProfileProgress,
    ProfileRequest,
    ProfileResult,
    Role,
    ServiceEvent,
    ServiceProgress,
    ServiceReply,
    ServiceRequest,
    ServiceVerb,
    State,
)

ARTIFACT = Artifact("0123456789abcdef" * 4, 200_000)
CONDITIONS = Conditions("ai-edge-litert 2.3.0", "xnnpack", 1, "x86_64", "cpü", unit=TimeUnit.CYCLES)
TIMING = Timing(1.5, 2.25, 1e-3, 9)
MEASUREMENT = Measurement(
    "key", "title", "8x8x4", TIMING, Validity.DEGRADED, "noisy", (OpTiming(0, "CONV_2D", "8x8", TIMING),)
)

EXAMPLES = (
    State(
        device="board",
        role=Role.BOARD,
        session=3,
        online=True,
        capabilities=Capabilities(conditions=CONDITIONS, arena_bytes=1 << 18, entropy=("none", "zlib", "zstd")),
        contracts=("00ff",),
        candidate="nb|1|2",
        address="127.0.0.1:7001",
    ),
    ProfileRequest(request_id="r1", plan=ARTIFACT, rounds=5, per_op=True, power=False),
    ProfileProgress(request_id="r1", done=1, total=9, label="stem"),
    ProfileResult(
        request_id="r1",
        profile=Profile(
            "board",
            CONDITIONS,
            (MEASUREMENT,),
            notes=("n",),
            power=Power(2.5, 3.75, "ina219 (hwmon0)", 40, PowerOrigin.MEASURED),
        ),
    ),
    ProfileCancel(request_id="r1"),
    LinkReport(
        device="board", throughput_mbit_s=(9.5, 1e-3), round_trip_ms=(2.0, 0.0), loss=0.5, changed=True
    ),
    DeployDesired(version=7, bundles=(ARTIFACT,), reason="link"),
    DeployReported(
        device="board",
        version=7,
        status=DeployStatus.REFUSED,
        contracts=("00ff",),
        code="disk_full",
        reason="full",
    ),
    ArtifactRequest(sha256=ARTIFACT.sha256, first=0, count=64),
    LatencyReport(
        device="board",
        contract="00ff",
        requests=9,
        failures=0,
        fallbacks=1,
        head_ms=(1.0, 2.0),
        uplink_ms=(1.0, 2.0),
        tail_ms=(1.0, 2.0),
        total_ms=(3.0, 6.0),
    ),
    ServiceRequest(
        request_id="r2", verb=ServiceVerb.SEARCH, options={"limit": 6.5, "all": True, "name": "a", "n": 3}
    ),
    ServiceProgress(request_id="r2", done=0, total=4),
    ServiceReply(request_id="r2", exit_code=5, document=msgspec.Raw(b'{"a": [1, 2]}'), error="infeasible"),
    ServiceEvent(device="board", event="deployed", text="done", unix_s=1.7e9, document=msgspec.Raw(b"[]")),
)
