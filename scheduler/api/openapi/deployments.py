"""The chapter on deployments and the launch queue."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    BAD_QUERY,
    COUNT,
    DEPLOYMENT_ID,
    FLAG,
    MOMENT,
    STOPPING,
    TEXT,
    WITH_EXTRAS,
    answer,
    extras,
    in_path,
    in_query,
    list_of,
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.api.openapi.pods import POD_ID
from scheduler.core.offer.refusals import REASONS
from scheduler.model.json import Json

_ID = in_path("deployment_id", "The deployment's id.", TEXT | {"minLength": 1}, "5a0b3ee1-8a2b-4b7c-9d0e-1f2a3b4c5d6e")
_ABSENT = {"404": refusal("There is no such deployment; it may have finished.")}


def _change(operation: str, summary: str) -> Json:
    return {
        "parameters": [_ID],
        "post": {
            "operationId": operation,
            "summary": summary,
            "responses": {"200": answer("Done.", reference("DeploymentStarted")), **_ABSENT, **STOPPING},
        },
    }


PATHS: dict[str, Json] = {
    "/v2/deployments": {
        "get": {
            "operationId": "listDeployments",
            "summary": "List running deployments",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The deployments, oldest first.", list_of(reference("Deployment")))},
        },
    },
    "/v2/deployments/{deployment_id}": {
        "parameters": [_ID],
        "get": {
            "operationId": "getDeployment",
            "summary": "Show a running deployment",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The deployment.", reference("Deployment")), **_ABSENT},
        },
        "delete": {
            "operationId": "endDeployment",
            "summary": "Roll a deployment back or, with `force`, cancel it and keep its changes",
            "parameters": [in_query("force", "Cancel without rolling back.", FLAG | {"default": False})],
            "responses": {
                "200": answer(
                    "A new deployment rolls the changes back.",
                    reference("DeploymentStarted"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                "202": answer("The deployment was cancelled; its changes are kept.", None),
                **BAD_QUERY,
                **_ABSENT,
                **STOPPING,
            },
        },
    },
    "/v2/deployments/{deployment_id}/pause": _change("pauseDeployment", "Pause a deployment"),
    "/v2/deployments/{deployment_id}/resume": _change("resumeDeployment", "Resume a paused deployment"),
    "/v2/queue": {
        "get": {
            "operationId": "getQueue",
            "summary": "List instances that wait to be launched, and why they wait",
            "parameters": [
                in_query(
                    "embed",
                    "`lastUnusedOffers` adds the last offers that were not used, `podexec` the ones that came closest.",
                    list_of(TEXT),
                )
            ],
            "responses": {
                "200": answer("The queue.", record("The queue.", {"queue": list_of(reference("QueueEntry"))}))
            },
        },
    },
    "/v2/queue/{pod_id}/delay": {
        "parameters": [POD_ID],
        "delete": {
            "operationId": "resetDelay",
            "summary": "Clear a pod's launch back-off",
            "responses": {
                "204": answer("Its instances are launched as soon as an offer fits.", None),
                "404": refusal("The pod has no instances waiting to be launched."),
                **STOPPING,
            },
        },
    },
}

_ACTION = {"action": one_of("StartPod", "ScalePod", "RestartPod", "StopPod"), "pod": TEXT}
_REASON = one_of(*REASONS)
_FUNNEL = list_of(
    record(
        "The numbers of offers that were checked, and declined, for a reason.",
        {"reason": _REASON, "declined": COUNT, "processed": COUNT},
    )
)
_RANGES = list_of(record("Both ends included.", {"begin": COUNT, "end": COUNT}))
_VALUES = {"scalar": AMOUNT, "ranges": _RANGES, "set": list_of(TEXT)}

SCHEMAS: dict[str, Json] = {
    "NearestMiss": record(
        "A reason, the number of agents refused for it, and the best value among them.",
        {"reason": _REASON, "asked": TEXT, "offered": TEXT, "agents": COUNT},
    ),
    "Deployment": record(
        "A running change of pods.",
        {
            "id": TEXT,
            "version": MOMENT,
            "affectedApps": list_of(TEXT) | {"maxItems": 0},
            "affectedPods": list_of(TEXT),
            "steps": list_of(record("Actions that run in parallel.", {"actions": list_of(record("", _ACTION))})),
            "currentActions": list_of(
                record(
                    "An action of the current step.",
                    _ACTION | {"readinessCheckResults": list_of({}) | {"maxItems": 0}},
                    extras(
                        {
                            "waitingFor": list_of(TEXT) | {"description": "The pods it depends on that are not ready."},
                            "ending": list_of(record("", {"instance": TEXT}, {"agent": TEXT}))
                            | {"description": "Instances that are being ended; only the first of many."},
                            "notEnding": list_of(
                                record(
                                    "An instance that has not ended although it was killed.",
                                    {"id": TEXT, "message": TEXT},
                                )
                            ),
                        }
                    ),
                )
            ),
            "currentStep": COUNT | {"description": "Counts from 1."},
            "totalSteps": COUNT,
        },
        extras(
            {
                "paused": FLAG,
                "deadline": MOMENT | {"description": "It is rolled back at this time unless it is done."},
                "secondsToDeadline": AMOUNT | {"description": "Time left until the deadline, while it is paused."},
                "batchSize": COUNT,
                "reverts": TEXT | {"description": "The deployment that this one rolls back."},
            }
        ),
    ),
    "QueueEntry": record(
        "The waiting instances of one configuration of a pod.",
        {
            "count": COUNT | {"description": "Number of instances that wait."},
            "role": TEXT,
            "delay": record("Its launch back-off.", {"timeLeftSeconds": COUNT, "overdue": FLAG}),
            "since": MOMENT,
            "processedOffersSummary": record(
                "The offers that were checked for it.",
                {
                    "processedOffersCount": COUNT,
                    "unusedOffersCount": COUNT,
                    "rejectSummaryLastOffers": _FUNNEL | {"description": "For the last offer of each agent."},
                    "rejectSummaryLaunchAttempt": _FUNNEL | {"description": "For all offers since it began to wait."},
                },
                {"lastUnusedOfferAt": MOMENT, "lastUsedOfferAt": MOMENT},
            ),
            "pod": reference("PodDefinition"),
        },
        extras(
            {
                "nearest": list_of(reference("NearestMiss")),
                "lastTermination": TEXT,
            }
        )
        | {
            "lastUnusedOffers": list_of(
                record(
                    "An offer that was not used.",
                    {"timestamp": MOMENT, "reason": list_of(_REASON), "offer": reference("Offer")},
                )
            ),
        },
    ),
    "Offer": record(
        "The resources that an agent offered.",
        {
            "id": TEXT,
            "hostname": TEXT,
            "agentId": TEXT,
            "resources": list_of(record("A resource.", {"name": TEXT, "role": TEXT}, _VALUES)),
            "attributes": list_of(record("An attribute of the agent.", {"name": TEXT}, _VALUES | {"text": TEXT})),
        },
    ),
}
