"""Read by gunicorn in this folder, before the command line."""

threads = 4
graceful_timeout = 5
control_socket_disable = True  # two shops of one user would fight for it
