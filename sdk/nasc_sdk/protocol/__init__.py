"""What crosses a wire: MQTT messages and topics, tensor frames, artifact chunks. No ports here, only bytes."""
