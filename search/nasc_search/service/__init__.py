"""The search service: one process that profiles devices, searches, deploys, and searches again.

``workshop`` makes sub-networks ready, ``plans`` and ``bundles`` turn them into what devices take, ``planner`` decides,
``rollout`` brings a decision to board and server, ``store`` remembers, ``service`` speaks MQTT.
"""
