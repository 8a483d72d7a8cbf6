"""What can go wrong with identity, each with its permanent code."""

from app.kit.errors import Kind, Problem


class InvalidCredentials(Problem):
    """The e-mail or the password is wrong; which of them is not said (S9)."""

    code = "invalid_credentials"
    kind = Kind.UNAUTHENTICATED
    message = "The e-mail or the password is wrong."


class TokenInvalid(Problem):
    """The access token, refresh token or API key is not good."""

    code = "token_invalid"
    kind = Kind.UNAUTHENTICATED
    message = "The credentials are not valid, have expired or were revoked."


class PermissionDenied(Problem):
    """The caller is known, but lacks the permission (S14)."""

    code = "permission_denied"
    kind = Kind.FORBIDDEN
    message = "Your role or this key's scopes do not allow this."


class TooManyAttempts(Problem):
    """Too many wrong passwords for this account, from this address, or altogether (S7)."""

    code = "too_many_attempts"
    kind = Kind.RATE_LIMITED
    message = "Too many wrong passwords; try again later."


class TooManySignIns(Problem):
    """More passwords wait to be hashed than the pool takes (S8)."""

    code = "too_many_sign_ins"
    kind = Kind.RATE_LIMITED
    message = "Too many people are signing in at this moment; try again."


class PasswordRefused(Problem):
    """The password is too short, too long, common, or can't be hashed whole (S10)."""

    code = "password_refused"
    kind = Kind.INVALID
    message = "This password can't be used."


class WrongPassword(Problem):
    """The current password does not match."""

    code = "wrong_password"
    kind = Kind.FORBIDDEN
    message = "The current password is wrong."


class SignupDisabled(Problem):
    """The deployment takes no new merchants."""

    code = "signup_disabled"
    kind = Kind.FORBIDDEN
    message = "This service takes no new sign-ups."


class EmailTaken(Problem):
    """A user of this service has this e-mail."""

    code = "email_taken"
    kind = Kind.CONFLICT
    message = "This e-mail can't be used for a new user."


class SessionNotFound(Problem):
    """No such session of this user."""

    code = "session_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no session with this id."


class ApiKeyNotFound(Problem):
    """No such key of this merchant."""

    code = "api_key_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no API key with this id."


class ExpiryPassed(Problem):
    """The moment at which an API key shall end is not in the future."""

    code = "expiry_passed"
    kind = Kind.INVALID
    message = "A key can't end before it begins; give a moment in the future, or none."


class UserNotFound(Problem):
    """No such user of this merchant."""

    code = "user_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no user with this id."


class LastOwner(Problem):
    """A merchant keeps at least one active owner."""

    code = "last_owner"
    kind = Kind.CONFLICT
    message = "The last active owner can't be changed; make another owner first."


class OwnersOnly(Problem):
    """Only an owner may make, change or disable owners."""

    code = "owners_only"
    kind = Kind.FORBIDDEN
    message = "Only an owner may do this to an owner."
