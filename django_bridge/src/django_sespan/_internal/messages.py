"""The texts for customers when something fails, and its log line."""

from __future__ import annotations

import logging

from django.utils.translation import gettext, ngettext

from django_sespan import errors

MINUTE = 60
FORBIDDEN = 403


def log(logger: logging.Logger, what: str, error: errors.SespanError) -> None:
    """Log an error by its severity: a wrong guess is normal, a wrong key is not."""
    level = logging.INFO
    if isinstance(error, errors.SespanUnavailable):
        level = logging.WARNING
    elif not isinstance(error, errors.OTPError):
        level = logging.ERROR
    logger.log(
        level,
        "%s: %s (%s, response %s)",
        what,
        error.detail or type(error).__name__,
        type(error).__name__,
        error.response_id or "-",
    )


def sent() -> str:
    """After a resend."""
    return gettext("A new code is on its way.")


def welcome() -> str:
    """After the code of a registration: the first page of the account shows it."""
    return gettext("Welcome! Your address is confirmed, and your account is open.")


def confirm_first() -> str:
    """After a correct password, before the code."""
    return gettext("Your e-mail address is not confirmed yet. Please enter the code that we sent.")


def lost() -> str:
    """After a correct code whose registration is gone."""
    return gettext(
        "Your address is confirmed already, but the registration was not finished. If you "
        "cannot log in, please register again."
    )


def taken() -> str:
    """Refuse a value for a constraint of the database that no field checks."""
    return gettext("Some of this is taken already. Please change it and try again.")


def too_many(seconds: int) -> str:
    """Too many wrong passwords."""
    return gettext("Too many tries. Please wait %(wait)s, then try again.") % {
        "wait": wait(seconds)
    }


def for_begin(error: errors.SespanError) -> str:
    """Why a registration could not begin; nothing of it is kept."""
    match error:
        case errors.OTPTooSoon() | errors.OTPLocked():
            return gettext("Please wait %(wait)s before you ask for another code.") % {
                "wait": wait(error.retry_after)
            }
        case _:
            return gettext(
                "We could not register you just now, and nothing was kept. Please try again "
                "in a moment."
            )


def for_send(error: errors.SespanError) -> str:
    """Why no code could be sent."""
    match error:
        case errors.OTPTooSoon() | errors.OTPLocked():
            return gettext("Please wait %(wait)s before you ask for another code.") % {
                "wait": wait(error.retry_after)
            }
        case errors.OTPUsed():
            return gettext("This code was used already. You can log in.")
        case errors.RegistrationReplaced():
            return _replaced()
        case errors.ActivationRefused():
            return _ask_support()
        case errors.OTPExpired() | errors.UnknownChallenge():
            return gettext("This registration is over. Please register again.")
        case _:
            return gettext(
                "We could not send the code just now. Please wait a moment, then press "
                "“Send a new code”."
            )


def for_verify(error: errors.SespanError) -> str:
    """Why a code was not accepted."""
    match error:
        case errors.OTPIncorrect():
            return _incorrect(error.attempts_left)
        case errors.OTPLocked():
            return gettext("Too many wrong codes. You can ask for a new code in %(wait)s.") % {
                "wait": wait(error.retry_after)
            }
        case errors.OTPExpired() | errors.UnknownChallenge():
            return gettext("This code is no longer valid. Please ask for a new one.")
        case errors.OTPUsed():
            return gettext("This code was used already. You can log in.")
        case errors.ActivationRefused():
            return _ask_support()
        case errors.RegistrationReplaced():
            return _replaced()
        case errors.SespanRefused():
            return gettext("That code was not accepted. Please check it.")
        case _:
            return gettext(
                "We could not check the code just now. It stays valid: please try again in "
                "a moment."
            )


def for_report(error: errors.SespanError) -> str:
    """Why there is no report or no download."""
    match error:
        case errors.TooManyExports():
            return gettext(
                "Other downloads are still under way. Please wait %(wait)s, then try again."
            ) % {"wait": wait(error.retry_after)}
        case errors.ReportTooLarge():
            return gettext(
                "This took too long to add up, so it was stopped. Please choose fewer days."
            )
        case errors.TooManyBuckets():
            return gettext(
                "That would be more than 2,400 rows. Please choose longer steps, or fewer days."
            )
        case _:
            return gettext("The service did not accept this: %(detail)s") % {"detail": error.detail}


def for_keys(error: errors.SespanError) -> str:
    """Why a key was not made, rotated or revoked."""
    match error:
        case errors.UnknownKey():
            return gettext("There is no such key, or it is somebody else’s.")
        case errors.SespanUnavailable():
            return gettext(
                "The service gave no answer. Look at the list in a minute: a key that was made all "
                "the same and that nobody saw is to be revoked."
            )
        case errors.SespanMisconfigured() if error.status != FORBIDDEN:
            return gettext(
                "The service did not accept this login. Tell whoever runs this site; the site’s "
                "log has the reason."
            )
        case _:
            return gettext("The service refused this: %(detail)s") % {"detail": error.detail}


def _ask_support() -> str:
    return gettext(
        "The code is right, but this account cannot be opened with it. Please write to us."
    )


def _replaced() -> str:
    return gettext(
        "This address was registered anew since, or got another password. Only the newest one "
        "can be confirmed: go on where that was done, or register again here."
    )


def _incorrect(left: int | None) -> str:
    if left is None:
        return gettext("That is not the code from the e-mail.")
    if left == 0:
        return gettext("That is not the code, and it was the last try. Please ask for a new code.")
    return ngettext(
        "That is not the code from the e-mail. You have %(left)d try left.",
        "That is not the code from the e-mail. You have %(left)d tries left.",
        left,
    ) % {"left": left}


def wait(seconds: int | None) -> str:
    """Format a waiting time in seconds or, above a minute and a half, in minutes."""
    seconds = max(1, seconds or MINUTE)
    if seconds <= MINUTE * 3 // 2:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = -(-seconds // MINUTE)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
