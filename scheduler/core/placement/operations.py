"""The handler of the statuses of offer operations, such as the creation of volumes."""

from scheduler.core.effects import AcknowledgeOperation
from scheduler.core.events import OperationUpdated
from scheduler.core.turn import Turn
from scheduler.core.untrusted_text import line_and_detail


def on_operation_updated(turn: Turn, event: OperationUpdated) -> None:
    """Log and acknowledge the status; without an acknowledgement its agent would repeat it forever."""
    turn.log(
        "info",
        "operation updated",
        operation_id=event.operation_id,
        state=event.state,
        message=line_and_detail(event.message)[0],
        agent_id=event.agent_id or "",
    )
    if event.uuid is not None and event.agent_id is not None:
        turn.emit(AcknowledgeOperation(event.operation_id, event.agent_id, event.uuid, event.resource_provider_id))
