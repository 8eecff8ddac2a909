"""Tell the site's receivers; what they raise is theirs and is logged."""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

logger = logging.getLogger(__name__)


def tell(signal: Signal, *, sender: Any, **arguments: Any) -> None:
    """Send a signal of the bridge."""
    for receiver, result in signal.send_robust(sender=sender, **arguments):
        if isinstance(result, Exception):
            logger.error("A receiver of the bridge failed: %r", receiver, exc_info=result)
