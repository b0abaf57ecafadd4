"""The Python interface: functions, runs and results, as `textsynth` exports them."""
