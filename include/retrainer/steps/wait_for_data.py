"""Step wait_for_data: has the interval landed as a whole in every table?"""

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Arrival, StepRequest
from retrainer.errors import DataNotReadyError
from retrainer.sources import arrival, open_engine
from retrainer.steps.inputs import declaration


def run(request: StepRequest, settings: RuntimeSettings) -> Arrival:
    """How much has landed, if all of it has.

    Raises:
        DataNotReadyError: not all; says what is missing in which table.
        SourceUnavailableError: the source did not answer.
        ConfigurationError: the source's connection is not known.
    """
    source = declaration(request).source
    engine = open_engine(source, connection_url=settings.connection_url, root=settings.project_root)
    found = arrival(engine, source, request.interval)
    missing = [table.missing for table in found.tables if not table.complete]
    if missing:
        raise DataNotReadyError(f"interval {request.interval.key} has not landed: {'; '.join(missing)}")
    return found
