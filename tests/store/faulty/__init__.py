"""A process whose system calls on files fail, or are its last, at a chosen one."""
