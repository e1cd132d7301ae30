"""``make universe``: podexec as a package of DC/OS, for a repository of your own."""
