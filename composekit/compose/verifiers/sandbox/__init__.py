"""Processes in which strangers' code runs: a forking server, a supervisor and a walled-in child for every job.

* ``client`` is the caller's side: it starts the server, sends jobs and reads what comes back;
* ``server`` forks a supervisor for each job, ``supervisor`` sets limits, waits, and leaves nothing behind;
* ``child`` builds the walls (``linux``, ``rootfs``, ``landlock``, ``seccomp``) and then runs ``harness``: a function, a
  program, or a checker;
* ``values`` turns results into tagged JSON and back.

All but ``client`` and ``jobs`` run in ``python -I -S`` and use the standard library alone.
"""
