"""MQTT at the edge: the client, the broker as a child process, artifacts served and fetched."""
