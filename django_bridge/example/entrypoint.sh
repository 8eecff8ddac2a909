#!/bin/sh
# setup: what the shop needs before Sespan and its first visitor; serve: the shop.
set -eu
case "${1:-serve}" in
  setup)
    SESPAN_ENABLED=0 SESPAN_KEY_FILE="" exec python manage.py prepare_shop
    ;;
  serve)
    python manage.py collectstatic --noinput --verbosity 0
    exec python -m gunicorn shop.wsgi --bind 0.0.0.0:8000 --workers 2 --threads 4 --graceful-timeout 5 --access-logfile -
    ;;
  *)
    exec python manage.py "$@"
    ;;
esac
