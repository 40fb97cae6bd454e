"""What a board or a laptop needs: words, messages, runtimes, profiler, agent and command line. No torch, ever."""

__version__ = "0.1.0"
