"""One tree of errors. The class says whether a retry may help; the message says what, where and what is allowed."""

EXIT_RETRYABLE = 1
"""Exit status of a step that failed in a way that a later attempt may survive."""

EXIT_PERMANENT = 78
"""Exit status of a step whose configuration or data are wrong (EX_CONFIG of sysexits.h): retrying is useless."""


class RetrainerError(Exception):
    """Root of every error that Retrainer raises on purpose.

    `exit_status` is what the process of a failed step returns; `hint` is one sentence on what to do about it.
    """

    exit_status = EXIT_RETRYABLE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n\nHint: {self.hint}" if self.hint else message


class ConfigurationError(RetrainerError):
    """The declaration, a setting or a request is wrong. A person has to change it."""

    exit_status = EXIT_PERMANENT


class BadDataError(RetrainerError):
    """The data are there and are not fit to train on. The same data will fail again."""

    exit_status = EXIT_PERMANENT


class UnsafeArtifactError(RetrainerError):
    """A model artifact differs from its recorded digest, or asks for types that nobody reviewed. It is never loaded."""

    exit_status = EXIT_PERMANENT


class SourceUnavailableError(RetrainerError):
    """The source database did not answer. The message names the connection and never its password."""


class DataNotReadyError(RetrainerError):
    """The interval has not landed, or not all of it."""


class StoreConflictError(RetrainerError):
    """Another writer replaced the same partition first. The step can run again on what is there now."""


class StoreUnavailableError(RetrainerError):
    """The object store of the data did not answer. Nothing was committed."""


class TrackingUnavailableError(RetrainerError):
    """The MLflow server did not answer in time. Nothing was half-registered."""


class LedgerConflictError(RetrainerError):
    """Another release of the same model took the next place in the ledger first."""


class LedgerUnavailableError(RetrainerError):
    """The ledger's database did not answer. Nothing was released."""


class ModelServerError(RetrainerError):
    """The model server did not answer, or not in time. What the ledger says stands: the server follows it by itself."""


class StackError(RetrainerError):
    """The local stack could not be started or stopped."""


class StepFailedError(RetrainerError):
    """A step's process ended without a result: killed, over a limit, or crashed."""
