"""The demo: the whole loop on this machine, with real parts as processes of their own, and its promises checked.

``stage`` starts the processes, ``play`` plays the loop act by act, ``events`` follows what service and board say,
``traffic`` sends requests while the link changes, ``asking`` sends those that are measured, ``speed`` knows which of
them the machine slowed, ``verdict`` holds what happened against what was promised.
"""
