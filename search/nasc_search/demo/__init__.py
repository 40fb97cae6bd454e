"""The demo: the whole loop on this machine, with real parts as processes of their own, and its promises checked.

``stage`` starts the processes, ``script`` plays the loop, ``traffic`` sends requests meanwhile, ``verdict`` holds what
happened against what was promised.
"""
